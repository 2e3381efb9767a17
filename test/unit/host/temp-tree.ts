import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';

const roots: string[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

/** A folder that goes when the test ends, with these files. */
export function tempTree(files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'xenpci-host-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) writeTree(root, path, text);
  return root;
}

/** Writes one file and the folders above it. */
export function writeTree(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** What a PCI function shows; the defaults are those of an Intel network card. */
export interface Card {
  readonly vendor?: string;
  readonly device?: string;
  readonly subsystem?: readonly [string, string];
  readonly class?: string;
  readonly driver?: string;
  readonly resets?: string;
  readonly secondaryBus?: number;
}

/** Adds a PCI function to a sysfs tree; `place` is its folder below `devices`, as in a real one. */
export function addCard(sysfs: string, place: string, card: Card = {}): void {
  const address = place.slice(place.lastIndexOf('/') + 1);
  const folder = join('devices', place);
  const [subsystemVendor, subsystemDevice] = card.subsystem ?? ['8086', '0000'];
  writeTree(sysfs, join(folder, 'vendor'), `0x${card.vendor ?? '8086'}\n`);
  writeTree(sysfs, join(folder, 'device'), `0x${card.device ?? '10d3'}\n`);
  writeTree(sysfs, join(folder, 'subsystem_vendor'), `0x${subsystemVendor}\n`);
  writeTree(sysfs, join(folder, 'subsystem_device'), `0x${subsystemDevice}\n`);
  writeTree(sysfs, join(folder, 'class'), `0x${card.class ?? '020000'}\n`);
  writeTree(sysfs, join(folder, 'driver_override'), '(null)\n');
  if (card.resets !== undefined) writeTree(sysfs, join(folder, 'reset_method'), `${card.resets}\n`);
  if (card.secondaryBus !== undefined) {
    writeTree(sysfs, join(folder, 'secondary_bus_number'), `${card.secondaryBus}\n`);
  }
  if (card.driver !== undefined) {
    mkdirSync(join(sysfs, 'bus/pci/drivers', card.driver), { recursive: true });
    symlinkSync(join(sysfs, 'bus/pci/drivers', card.driver), join(sysfs, folder, 'driver'));
  }
  mkdirSync(join(sysfs, 'bus/pci/devices'), { recursive: true });
  symlinkSync(join('../../..', folder), join(sysfs, 'bus/pci/devices', address));
}

/** The files of a dom0 that uses no PCI function for anything, below its root. */
export const IDLE_HOST: Readonly<Record<string, string>> = {
  'proc/1/mountinfo': '22 1 0:20 / /proc rw - proc proc rw\n',
  'proc/swaps': 'Filename\tType\tSize\tUsed\tPriority\n',
  'proc/net/route': 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n',
  'proc/net/fib_trie': '',
  'proc/consoles': 'hvc0                 -W- (EC  p  )  229:0\n',
  'sys/class/block/.keep': '',
  'sys/class/net/.keep': '',
};
