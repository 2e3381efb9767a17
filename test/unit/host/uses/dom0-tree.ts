import { mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type Address, parseAddress } from '../../../../src/api/address.ts';
import { type Dom0Layout, dom0Layout } from '../../../../src/api/layout.ts';
import { SysfsPci } from '../../../../src/host/sysfs/sysfs.ts';
import { Dom0Uses } from '../../../../src/host/uses/dom0-uses.ts';
import { addCard, IDLE_HOST, tempTree, writeTree } from '../temp-tree.ts';

export const DISK = '0000:02:00.0';
export const NIC = '0000:01:00.0';
const BELOW: Readonly<Record<string, string>> = {
  [DISK]: 'pci0000:00/0000:00:12.0/0000:02:00.0',
  [NIC]: 'pci0000:00/0000:00:11.0/0000:01:00.0',
};

/** A dom0's files, which a test fills as Linux does; its disk nvme0n1 and its network card eth0 are idle. */
export class Dom0Tree {
  readonly root: string;
  readonly layout: Dom0Layout;
  readonly uses: Dom0Uses;
  readonly #pci: SysfsPci;
  #events = 0;

  constructor() {
    this.root = tempTree(IDLE_HOST);
    this.layout = dom0Layout(this.root);
    this.uses = new Dom0Uses(this.layout);
    this.#pci = new SysfsPci(this.layout.sysfs);
    addCard(this.layout.sysfs, BELOW[DISK] ?? '', { class: '010802', driver: 'nvme' });
    addCard(this.layout.sysfs, BELOW[NIC] ?? '', { driver: 'e1000e' });
    this.block(`${this.below(DISK)}/nvme/nvme0/nvme0n1`, '259:0');
    this.link('net', `${this.below(NIC)}/net/eth0`);
  }

  /** Where a function is, below sysfs's `devices`. */
  below(address: string): string {
    return BELOW[address] ?? '';
  }

  write(path: string, text: string): void {
    writeTree(this.root, path, text);
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  /** A member of a class, at its place below `devices`. */
  link(kind: string, place: string): void {
    const name = place.slice(place.lastIndexOf('/') + 1);
    const path = join(this.layout.sysfs, 'class', kind, name);
    mkdirSync(join(this.layout.sysfs, 'devices', place), { recursive: true });
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(relative(dirname(path), join(this.layout.sysfs, 'devices', place)), path);
    this.event();
  }

  /** A block device, and what udev found on it. */
  block(place: string, number: string, found = ''): void {
    this.link('block', place);
    this.write(`sys/devices/${place}/dev`, `${number}\n`);
    this.udev(number, found);
  }

  /** What udev writes down of a block device. */
  udev(number: string, found: string): void {
    this.write(`run/udev/data/b${number}`, `I:1234\nE:ID_SERIAL=x\n${found}`);
    this.event();
  }

  /** A block device that was built from another one. */
  holder(block: string, name: string): void {
    this.link(`block/${block}/holders`, `virtual/block/${name}`);
  }

  /** The kernel announces something. */
  event(): void {
    this.#events += 1;
    this.write('sys/kernel/uevent_seqnum', `${this.#events}\n`);
    const folder = join(this.layout.udev, 'data');
    mkdirSync(folder, { recursive: true });
    utimesSync(folder, this.#events, this.#events);
  }

  mount(number: string, point: string, type = 'ext4', source = '/dev/root'): void {
    const line = `31 1 ${number} / ${point} rw,relatime shared:1 - ${type} ${source} rw\n`;
    this.write('proc/1/mountinfo', `${IDLE_HOST['proc/self/mountinfo']}${line}`);
  }

  /** What dom0 uses a function for, as `Guard: text`. */
  async of(address: string): Promise<string[]> {
    const uses = (await this.uses.read(await this.#pci.list())).get(parseAddress(address) as Address) ?? [];
    return uses.map(({ guard, text }) => `${guard}: ${text}`);
  }
}
