/** What dom0 uses stays with dom0, under the name of its guard, and is taken as soon as the reason is gone. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, realpath } from 'node:fs/promises';
import { becomes, until } from '../dom0/deadline.ts';
import { DISK_ID, DISKS, driverOf, NIC_ID, NICS, NO_RESET } from '../dom0/devices.ts';
import { run, succeed, xl } from '../dom0/exec.ts';
import { Guest } from '../dom0/guest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { note, type Test, test } from '../dom0/test.ts';

const [card, allowed, silent] = NICS;
const [mounted, swap] = DISKS;
/** The root port that `silent` hangs on, the emulated display, and the root disk's controller. */
const PORT = '0000:00:15.0';
const DISPLAY = '0000:00:01.0';
const SECONDARY_BUS = '19.b';

const POLICY = `apiVersion: xenpci.dev/v1alpha1
kind: PCIHostPolicy
metadata: {name: host}
spec: {allow: [NetworkAddress]}
`;

/** An assignment for the guest red; those named in `unreset` may go without a reset. */
function toRed(devices: Readonly<Record<string, string>>, unreset: readonly string[] = []): string {
  const entries = Object.entries(devices).map(
    ([name, address]) =>
      `    - {name: ${name}, address: "${address}"${unreset.includes(name) ? ', reset: BestEffort' : ''}}\n`,
  );
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: red}\nspec:\n  domain: red\n  devices:\n${entries.join('')}`;
}

async function guards(): Promise<void> {
  try {
    await refusedAndTaken();
  } finally {
    await endUses();
  }
}

async function refusedAndTaken(): Promise<void> {
  note(`xl info: ${/^virt_caps.*$/m.exec(await xl('info'))?.[0]}`);
  const root = await rootController();
  const [first, second] = [await interfaceOf(card), await interfaceOf(allowed)];
  const firstDisk = await diskOf(mounted);
  const secondDisk = await diskOf(swap);
  await succeed('ip', ['link', 'set', first, 'up']);
  await succeed('ip', ['address', 'add', '10.9.8.7/24', 'dev', first]);
  await succeed('ip', ['link', 'set', second, 'up']);
  await succeed('ip', ['address', 'add', '10.9.7.7/24', 'dev', second]);
  // Behind the first 4 MiB, where the lab has written which disk it is.
  for (const [disk, volume] of [
    [firstDisk, 'labfs'],
    [secondDisk, 'labswap'],
  ] as const) {
    await succeed('dmsetup', ['create', volume, '--table', `0 65536 linear /dev/${disk} 8192`]);
    await succeed('udevadm', ['settle']);
  }
  await succeed('busybox', ['mke2fs', '-F', '/dev/mapper/labfs']);
  await mkdir('/mnt/labfs', { recursive: true });
  await succeed('mount', ['/dev/mapper/labfs', '/mnt/labfs']);
  await succeed('mkswap', ['/dev/mapper/labswap']);
  await succeed('swapon', ['/dev/mapper/labswap']);
  await succeed('setpci', ['-s', PORT, `${SECONDARY_BUS}=40`]);

  assert.match(await described(card), /^Guards: +NetworkAddress: .*10\.9\.8\.7/m, 'before any manifest names it');
  const red = await Guest.start({ name: 'red' });
  await writeManifest(
    'red.yaml',
    toRed({ root, card, mounted, swap, silent, display: DISPLAY, port: PORT, bare: NO_RESET }, ['root', 'display']),
  );
  const all = [root, card, mounted, swap, silent, DISPLAY, PORT, NO_RESET];
  const drivers = await driversOf(all);
  await Product.start('--resync', '3');
  await refused(root, 'MountedFilesystem');
  await refused(card, 'NetworkAddress');
  await refused(mounted, 'MountedFilesystem');
  await refused(swap, 'Swap');
  await refused(silent, 'DeviceDead');
  await refused(DISPLAY, 'BootDisplay');
  await refused(PORT, 'Bridge');
  await refused(NO_RESET, 'NoReset');
  const yaml = (await xenpci(['get', 'assignments', '-o', 'yaml', '--manifests', MANIFESTS])).stdout;
  for (const guard of [
    'MountedFilesystem',
    'NetworkAddress',
    'Swap',
    'DeviceDead',
    'BootDisplay',
    'Bridge',
    'NoReset',
  ]) {
    assert.match(yaml, new RegExp(`reason: ${guard}\\b`));
  }

  await succeed('ip', ['route', 'add', 'default', 'via', '10.9.8.1', 'dev', first]);
  await refused(card, 'DefaultRoute');
  await succeed('ip', ['address', 'flush', 'dev', first]);
  await succeed('modprobe', ['bridge']);
  await succeed('ip', ['link', 'add', 'labbr0', 'type', 'bridge']);
  await succeed('ip', ['link', 'set', first, 'master', 'labbr0']);
  await refused(card, 'NetworkBridge');
  await succeed('umount', ['/mnt/labfs']);
  await refused(mounted, 'StorageMember');
  assert.deepEqual(await driversOf(all), drivers, 'drivers: nothing has been touched');
  await red.has([]);

  await succeed('ip', ['link', 'set', first, 'nomaster']);
  await red.has([NIC_ID], 300_000);
  await succeed('dmsetup', ['remove', 'labfs']);
  await red.has([NIC_ID, DISK_ID], 300_000);
  await succeed('setpci', ['-s', PORT, `${SECONDARY_BUS}=05`]);
  await red.has([NIC_ID, NIC_ID, DISK_ID], 300_000);
  await allowedByName(red, root);
}

async function allowedByName(red: Guest, root: string): Promise<void> {
  await writeManifest('red.yaml', toRed({ root, card, mounted, swap, silent, allowed }, ['root']));
  await refused(allowed, 'NetworkAddress');
  await writeManifest('policy.yaml', POLICY);
  await red.has([NIC_ID, NIC_ID, NIC_ID, DISK_ID], 300_000);
  assert.match(await described(swap), /^Refused: +Swap: /m);
  assert.equal(await driverOf(root), 'virtio-pci');
}

async function described(address: string): Promise<string> {
  const { code, stdout, stderr } = await xenpci(['describe', 'device', address, '--manifests', MANIFESTS]);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function refused(address: string, guard: string): Promise<void> {
  const look = async (): Promise<true | undefined> =>
    new RegExp(`^Refused: +${guard}: `, 'm').test(await described(address)) ? true : undefined;
  await until(`${guard} keeps ${address}`, look, 240_000);
}

async function driversOf(addresses: readonly string[]): Promise<readonly (string | undefined)[]> {
  return Promise.all(addresses.map(driverOf));
}

/** The PCI function that the root file system's disk hangs on. */
async function rootController(): Promise<string> {
  const place = await realpath('/sys/class/block/vda');
  return /.*\/(\w+:\w+:\w+\.\w)\//.exec(place)?.[1] ?? assert.fail(place);
}

async function interfaceOf(address: string): Promise<string> {
  return (await readdir(`/sys/bus/pci/devices/${address}/net`))[0] ?? assert.fail(`no interface of ${address}`);
}

async function diskOf(address: string): Promise<string> {
  for (const name of await readdir('/sys/class/block')) {
    if ((await realpath(`/sys/class/block/${name}`)).includes(`/${address}/`)) return name;
  }
  return assert.fail(`no disk of ${address}`);
}

/** Whatever of it there still is: a test that failed may have left any of it. */
async function endUses(): Promise<void> {
  await run('setpci', ['-s', PORT, `${SECONDARY_BUS}=05`]);
  if ((await readFile('/proc/self/mountinfo', 'utf8')).includes('/mnt/labfs')) await run('umount', ['/mnt/labfs']);
  await run('swapoff', ['/dev/mapper/labswap']);
  for (const volume of ['labfs', 'labswap']) await run('dmsetup', ['remove', '--retry', volume]);
  await run('ip', ['link', 'delete', 'labbr0']);
  for (const nic of [card, allowed]) {
    const names = await readdir(`/sys/bus/pci/devices/${nic}/net`).catch(() => []);
    for (const name of names) await run('ip', ['address', 'flush', 'dev', name]);
  }
  await becomes(
    'volumes of device-mapper',
    async () => (await run('dmsetup', ['ls'])).stdout.trim(),
    'No devices found',
    30_000,
  );
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('what dom0 uses stays with dom0, and is taken as soon as the reason is gone', guards, 1_800_000),
];
