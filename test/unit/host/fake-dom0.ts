import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dom0Layout } from '../../../src/api/layout.ts';
import type { Dom0, LibvirtAccess } from '../../../src/host/dom0.ts';
import { SysfsPci } from '../../../src/host/sysfs/sysfs.ts';
import { Dom0Uses } from '../../../src/host/uses/dom0-uses.ts';
import { IommuFact } from '../../../src/host/xl/iommu.ts';
import { Xl } from '../../../src/host/xl/xl.ts';
import { type DomainRef, ErrorCode, LibvirtError } from '../../../src/node-libvirt/index.ts';
import { FakeStore } from './fake-store.ts';
import { addCard, IDLE_HOST, tempTree, writeTree } from './temp-tree.ts';
import { RED_UUID, TWO_DEVICES } from './transcripts.ts';

/** One libvirt domain: its definitions, and every change that was asked for. */
export class FakeLibvirt implements LibvirtAccess {
  ref: DomainRef = { name: 'red', uuid: RED_UUID, id: 1 };
  live = '<domain/>';
  stored = '<domain/>';
  /** The stored definition with its passwords; the same when there are none. */
  secure: string | undefined;
  /** `attach live`, `detach config` and so on with the XML. */
  readonly changes: [string, string][] = [];

  readonly connected = true;
  async connect(): Promise<void> {}
  onConnectFailure(): () => void {
    return () => {};
  }
  async listDomains(): Promise<DomainRef[]> {
    return [this.ref];
  }
  async domainByUuid(uuid: string): Promise<DomainRef> {
    if (uuid === this.ref.uuid) return this.ref;
    const details = { code: ErrorCode.noDomain, domain: 0, message: 'Domain not found', level: 2 };
    throw new LibvirtError('domainLookupByUuid', { ...details, str1: null, str2: null, str3: null, int1: 0, int2: 0 });
  }
  async domainState(): Promise<{ state: 'running'; reason: number }> {
    return { state: 'running', reason: 1 };
  }
  async domainXml(
    _: DomainRef,
    options: { readonly inactive?: boolean; readonly secure?: boolean } = {},
  ): Promise<string> {
    if (options.secure === true && this.secure !== undefined) return this.secure;
    return options.inactive === true ? this.stored : this.live;
  }
  async defineDomain(xml: string): Promise<DomainRef> {
    this.changes.push(['define', xml]);
    return this.ref;
  }
  async attachDevice(_: DomainRef, xml: string, options: { live?: boolean; config?: boolean } = {}): Promise<void> {
    this.changes.push([`attach ${options.live === true ? 'live' : 'config'}`, xml]);
  }
  async detachDevice(_: DomainRef, xml: string, options: { live?: boolean; config?: boolean } = {}): Promise<void> {
    this.changes.push([`detach ${options.live === true ? 'live' : 'config'}`, xml]);
  }
}

/** A dom0 of red with its two devices, a card on its driver and one on pciback, and an xl that notes what it is told. */
export interface FakeDom0 extends Dom0 {
  readonly store: FakeStore;
  readonly libvirt: FakeLibvirt;
  /** What xl was called with, one line for each call but those that only ask for a guest's state. */
  xlCalls(): string[];
  /** Makes xl run this shell script, with $SYS for the sysfs folder. */
  setXl(script: string): void;
  /** Makes `xl list` show every guest as paused. */
  pauseByXl(): void;
  /** Makes `xl list` show every guest as asleep. */
  fallAsleep(): void;
}

/** `xl list ID` (xl_info.c: list_domains). */
function xlList(state: string): string {
  return `Name                                        ID   Mem VCPUs\tState\tTime(s)\nred                                          1   128     1     ${state}       3.4\n`;
}

export function fakeDom0(): FakeDom0 {
  const root = tempTree({ 'xl-calls': '' });
  const layout = dom0Layout(root);
  for (const [place, driver] of [
    ['0000:01:00.0', 'pciback'],
    ['0000:02:00.0', 'pciback'],
    ['0000:03:00.0', 'e1000e'],
    ['0000:04:00.0', 'pciback'],
  ] as const) {
    addCard(layout.sysfs, `pci0000:00/${place}`, { driver });
  }
  for (const [path, text] of Object.entries(IDLE_HOST)) writeTree(root, path, text);
  const deadlines = { readMs: 5_000, bindMs: 30_000, attachMs: 30_000, settleMs: 200 };
  const store = new FakeStore(TWO_DEVICES, 1);
  const dom0: FakeDom0 = {
    layout,
    deadlines,
    sysfs: new SysfsPci(layout.sysfs),
    uses: new Dom0Uses(layout),
    iommu: new IommuFact({ info: async () => 'virt_caps : pv pv_directio\n' }),
    xl: new Xl(layout.xl, deadlines),
    xenstore: { client: async () => store },
    store,
    libvirt: new FakeLibvirt(),
    xlCalls: () => readFileSync(join(root, 'xl-calls'), 'utf8').split('\n').slice(0, -1),
    pauseByXl: () => writeTree(root, 'xl-list', xlList('--p---')),
    fallAsleep: () => writeTree(root, 'xl-list', xlList('---ss-')),
    setXl(script) {
      const list = `if [ "$1" = list ]; then cat ${root}/xl-list; exit; fi`;
      const note = `${list}\necho "$@" >>${root}/xl-calls`;
      writeTree(root, 'usr/sbin/xl', `#!/bin/sh\nSYS=${layout.sysfs}\n${note}\n${script}\n`);
      chmodSync(layout.xl, 0o755);
    },
  };
  dom0.setXl('exit 0');
  writeTree(root, 'xl-list', xlList('-b----'));
  if (!existsSync(layout.xl)) throw new Error('no xl');
  return dom0;
}
