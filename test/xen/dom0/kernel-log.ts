/** dom0's kernel log from one moment on. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { succeed } from './exec.ts';

let marks = 0;

/** The kernel log of dom0 from the moment it was made on. */
export class KernelLog {
  readonly #mark: string;

  private constructor(mark: string) {
    this.#mark = mark;
  }

  /** From now on. */
  static async sinceNow(): Promise<KernelLog> {
    marks += 1;
    const mark = `xenpci-lab: mark ${process.pid}-${marks}`;
    await writeFile('/dev/kmsg', `${mark}\n`);
    return new KernelLog(mark);
  }

  /** What it has said since. @throws AssertionError if the beginning has been overwritten. */
  async text(): Promise<string> {
    const log = await succeed('dmesg', []);
    const begin = log.lastIndexOf(this.#mark);
    assert.notEqual(begin, -1, 'the kernel log has wrapped around');
    return log.slice(begin + this.#mark.length);
  }

  /** Fails if it shows that a device cannot do its work: I/O errors, IOMMU faults, interrupts that cannot be had. */
  async showsNoFault(): Promise<void> {
    const faults = /^.*(?:I\/O error|DMAR|IOMMU|\bfaults?\b|map irq failed|Identify Controller failed|timeout, ).*$/gim;
    assert.deepEqual((await this.text()).match(faults) ?? [], [], 'faults in the kernel log of dom0');
  }
}
