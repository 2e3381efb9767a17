/** Domains that are shut off, start, and stop. */
import assert from 'node:assert/strict';
import { becomes, stays } from '../dom0/deadline.ts';
import { DISK_ID, DISKS, driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { KernelLog } from '../dom0/kernel-log.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, stepsBegun } from '../dom0/product-log.ts';
import { type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;
const [disk] = DISKS;

async function shutOff(): Promise<void> {
  const kernel = await KernelLog.sinceNow();
  const red = await Guest.define({ name: 'red', passthrough: false });
  await writeManifest('red.yaml', assignment('red', { lan: nic }, { whenStopped: 'Assignable' }));
  await Product.start('--resync', '5');
  await isPrepared(red, nic);
  assert.deepEqual(await xl('domid', 'red').catch(() => 'not running'), 'not running');

  await startsWith(red, NIC_ID);
  const steps = await stepsBegun();
  await red.destroy();
  await becomes('holder', () => holderOf(nic), undefined, 60_000);
  await stays('driver while it is stopped', () => driverOf(nic), 'pciback', 15_000);
  assert.deepEqual(await stepsBegun(), steps, 'start and stop need no step');
  assert.match(await xl('pci-assignable-list'), new RegExp(nic));

  await writeManifest('red.yaml', assignment('red', { lan: nic }, { whenStopped: 'Host' }));
  await becomes('driver on the host', () => driverOf(nic), 'e1000e', 120_000);
  await becomes('stored devices', () => red.hostdevs('stored'), [], 60_000);
  await red.start();
  await red.has([NIC_ID], 300_000);
  await red.destroy();
  await becomes('driver after the stop', () => driverOf(nic), 'e1000e', 120_000);
  await stays('driver while it is stopped', () => driverOf(nic), 'e1000e', 15_000);
  await kernel.showsNoFault();
}

async function needsRestart(): Promise<void> {
  const red = await Guest.start({ name: 'red', passthrough: false });
  await writeManifest('red.yaml', assignment('red', { data: disk }));
  await Product.start('--resync', '5');
  await loggedLine('NeedsRestart', ({ event, message }) => event === 'WaitBegan' && message.includes('NeedsRestart'));
  await isPrepared(red, disk);
  const described = await xenpci(['describe', 'assignment', 'red', '--manifests', MANIFESTS]);
  assert.match(described.stdout, /Ready False.*NeedsRestart: .*stop and start it/);
  await stays('holder before the restart', () => holderOf(disk), undefined, 10_000);
  await red.has([]);

  await red.destroy();
  await startsWith(red, DISK_ID);
  const read = 'until [ -e /dev/nvme0n1 ]; do usleep 200000; done; head -n 1 /dev/nvme0n1';
  assert.equal(await red.shell(read, 120_000), 'xenpci-lab NVME2', 'the guest reads the disk');
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');
}

/** The device waits for the next start of the guest: on pciback, and in its stored definition. */
async function isPrepared(guest: Guest, address: string): Promise<void> {
  const stored = async (): Promise<string[]> => (await guest.hostdevs('stored')).map(hostdev => hostdev.address);
  await becomes('stored devices', stored, [address], 180_000);
  await becomes('driver', () => driverOf(address), 'pciback', 180_000);
  const [hostdev] = await guest.hostdevs('stored');
  assert.match(hostdev?.alias ?? '', /^ua-xenpci-/);
  assert.ok(await guest.hasPassthrough('stored'), 'passthrough in the stored definition');
}

/** Starts the guest; the first thing that it says about its devices must name the one with this id. */
async function startsWith(guest: Guest, id: string): Promise<void> {
  await guest.start();
  const [first] = deviceLists(await guest.console.text());
  assert.ok(first?.includes(id), `from the first instant: ${first}`);
  await guest.has([id]);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'a shut-off domain is prepared, starts with its device, and whenStopped holds after it is destroyed',
    shutOff,
    900_000,
  ),
  test(
    'a domain created without passthrough waits with NeedsRestart and has its device after the next start',
    needsRestart,
    600_000,
  ),
];
