/** What libvirt's hook does before a domain starts: with the controller and without it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { becomes, stays } from '../dom0/deadline.ts';
import { DISK_ID, DISKS, driverOf, HOST_DRIVERS, NIC_ID, NICS, permissiveDevices, readDisk } from '../dom0/devices.ts';
import { run, virsh, xl } from '../dom0/exec.ts';
import { deviceLists, Guest, hostdev } from '../dom0/guest.ts';
import { installHook, refusalOf, removeProgram } from '../dom0/hook.ts';
import { KernelLog } from '../dom0/kernel-log.ts';
import { restartLibvirtd } from '../dom0/libvirtd.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, removeManifest, writeManifest, xenpci } from '../dom0/product.ts';
import { stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test, timed } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic, other] = NICS;
const [disk] = DISKS;
const MISSING = '0000:0b:00.0';
const OURS = "<alias name='ua-xenpci-test'/>";
const FILE = `${MANIFESTS}/red.yaml`;

/** Nobody but the hook is there. Every refusal leaves the host as it was. */
async function refuses(): Promise<void> {
  await installHook();
  const red = await Guest.define({ name: 'red', devices: hostdev(nic, OURS) });
  const blue = await Guest.start({ name: 'blue', by: 'xl' });

  await writeManifest('red.yaml', assignment('red', { lan: nic, gone: MISSING }));
  const { seconds, value } = await timed(() => refusalOf('red'));
  assert.equal(value, `device ${MISSING} is missing; put it back or remove it from ${FILE}:9`);
  note(`refused with a missing device after ${seconds} s: ${value}`);
  assert.equal(await driverOf(nic), HOST_DRIVERS.get(nic), 'nothing is touched');

  await writeManifest('red.yaml', assignment('red', { lan: nic }).concat('      identity: {device: "1533"}\n'));
  const mismatch = await refusalOf('red');
  assert.match(mismatch, new RegExp(`the device at ${nic} is another one: device is 10d3, not 1533; edit identity`));
  note(`refused with another card: ${mismatch}`);

  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  await xl('pci-assignable-add', nic);
  await xl('pci-attach', 'blue', nic);
  await blue.has([NIC_ID]);
  const held = await refusalOf('red');
  assert.match(held, new RegExp(`^blue \\(domain id ${await blue.id()}\\) has ${nic}; detach it there`));
  note(`refused while blue has it: ${held}`);
  await blue.has([NIC_ID]);

  await xl('pci-detach', 'blue', nic);
  await xl('pci-attach', 'blue', `${nic},permissive=1`);
  // The start comes while blue ends: the hook waits for what blue has, and takes its write access away.
  const ending = xl('destroy', 'blue');
  const started = await timed(() => red.start());
  await ending;
  note(`started while blue ended: ${started.seconds} s until the guest was up`);
  await startedWith(red, NIC_ID);
  assert.deepEqual(await permissiveDevices(), []);
}

/** No controller, a broken manifest of somebody else: the hook binds, records, and the device works. */
async function bindsAlone(): Promise<void> {
  const kernel = await KernelLog.sinceNow();
  await installHook();
  const devices = `${hostdev(nic, OURS)}${hostdev(disk, "<alias name='ua-xenpci-disk'/>")}`;
  const red = await Guest.define({ name: 'red', devices });
  await writeManifest('blue.yaml', assignment('blue', {}, { domian: 'blue' }));
  await writeManifest('red.yaml', assignment('red', { lan: nic, data: disk }));
  const cold = await timed(() => red.start());
  note(`start with two devices that were with dom0: ${cold.seconds} s until the guest was up`);
  await startedWith(red, NIC_ID, DISK_ID);
  const record = await readFile('/var/lib/xenpci/inventory.json', 'utf8');
  assert.match(record, /"name": "nvme"/);

  // The controller comes later and takes over from there.
  await red.destroy();
  await removeManifest('blue.yaml');
  await writeManifest('red.yaml', assignment('red', { lan: nic, data: disk }, { whenStopped: 'Host' }));
  await Product.start('--resync', '5');
  await becomes('driver of the disk', () => driverOf(disk), 'nvme', 120_000);
  await becomes('driver of the card', () => driverOf(nic), 'e1000e', 120_000);
  assert.equal(await readDisk(disk), 'xenpci-lab NVME2');
  await kernel.showsNoFault();
}

/** With the hook proven, whenStopped: Host devices are in the guest from its first instant. */
async function hostWhileOff(): Promise<void> {
  const kernel = await KernelLog.sinceNow();
  await installHook();
  const red = await Guest.define({ name: 'red' });
  const stored = async (): Promise<string[]> => (await red.hostdevs('stored')).map(({ address }) => address);
  await writeManifest('red.yaml', assignment('red', { data: disk }, { whenStopped: 'Host' }));
  await Product.start('--resync', '5');
  await stays('stored devices before the hook is proven', stored, [], 15_000);
  assert.match((await described()).stdout, /Start hook: +not in force/);

  await red.start();
  await red.has([DISK_ID], 300_000);
  await becomes('stored devices with the hook proven', stored, [disk], 60_000);
  assert.match((await described()).stdout, /Start hook: +in force/);
  await red.destroy();
  await becomes('driver after the stop', () => driverOf(disk), 'nvme', 120_000);
  await stays('stored devices while it is off', stored, [disk], 12_000);

  const steps = await stepsBegun();
  await red.start();
  await startedWith(red, DISK_ID);
  const read = 'until [ -e /dev/nvme0n1 ]; do usleep 200000; done; head -n 1 /dev/nvme0n1';
  assert.equal(await red.shell(read, 120_000), 'xenpci-lab NVME2');
  const taken = (await stepsBegun()).slice(steps.length);
  assert.deepEqual(
    taken.filter(step => !step.startsWith('configure')),
    [],
    'the hook did it',
  );

  // At once after its end: the controller gives the disk back while the hook wants it.
  for (let round = 1; round <= 3; round += 1) {
    await red.destroy();
    const again = await timed(() => red.start());
    note(`destroyed and started at once, ${round}: ${again.seconds} s`);
    await startedWith(red, DISK_ID);
  }
  await restartLibvirtd();
  await stays('stored devices after libvirtd has restarted', stored, [disk], 12_000);
  await red.destroy();
  await becomes('driver at the end', () => driverOf(disk), 'nvme', 120_000);
  assert.equal(await readDisk(disk), 'xenpci-lab NVME2');
  await kernel.showsNoFault();
}

/** A device that may be missing keeps nothing from starting, before and after it has gone. */
async function mayBeMissing(): Promise<void> {
  await installHook();
  const red = await Guest.define({ name: 'red' });
  const stored = async (): Promise<string[]> => (await red.hostdevs('stored')).map(({ address }) => address);
  const manifest = assignment('red', { lan: nic, gone: MISSING }).concat('      whenMissing: Ignore\n');
  await writeManifest('red.yaml', manifest);
  const product = await Product.start('--resync', '5');
  await becomes('stored devices', stored, [nic], 180_000);
  await becomes('driver', () => driverOf(nic), 'pciback', 120_000);
  await product.stop();
  await red.start();
  await startedWith(red, NIC_ID);
  await red.destroy();
  await removeProgram();
  // Without the program libvirt decides alone; here nothing is in its way.
  await red.start();
  await startedWith(red, NIC_ID);
  assert.equal(await holderOf(nic), await red.id());
  await red.destroy();
  assert.match((await run('virsh', ['-q', 'list', '--all'])).stdout, /red +shut off/);
  await virsh('undefine', 'red');
  assert.equal(await holderOf(other), undefined);
}

function described(): ReturnType<typeof xenpci> {
  return xenpci(['describe', 'assignment', 'red', '--manifests', MANIFESTS]);
}

/** The first thing that the guest says about its devices names these, and in the end it has exactly them. */
async function startedWith(guest: Guest, ...ids: readonly string[]): Promise<void> {
  const [first] = deviceLists(await guest.console.text());
  for (const id of ids) assert.ok(first?.includes(id), `from the first instant: ${first}`);
  await guest.has(ids);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'the hook refuses a missing, another, and a held device with one sentence, and waits for one that is let go of',
    refuses,
    900_000,
  ),
  test('the hook binds without the controller, which takes over later', bindsAlone, 900_000),
  test('with the hook proven a whenStopped: Host device is there from the first instant', hostWhileOff, 1_200_000),
  test('a device that may be missing is left out, and so is a missing program', mayBeMissing, 600_000),
];
