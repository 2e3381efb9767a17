/** The lab itself, without the product: if one of these fails, look at the lab before you look at the product. */
import assert from 'node:assert/strict';
import { becomes } from '../dom0/deadline.ts';
import { DISK_ID, DISKS, driverOf, NIC_ID, NICS, readDisk } from '../dom0/devices.ts';
import { succeed, xl } from '../dom0/exec.ts';
import { Guest, virshDevice } from '../dom0/guest.ts';
import { restartLibvirtd } from '../dom0/libvirtd.ts';
import { assertClean, resetHost } from '../dom0/reset.ts';
import { note, type Test, test, timed } from '../dom0/test.ts';
import { holderOf, markOf, pciBackends } from '../dom0/xenstore.ts';

const [nic] = NICS;
const [disk] = DISKS;

async function dom0IsReady(): Promise<void> {
  const xen = /^xen_version\s*: (.*)$/m.exec(await xl('info'))?.[1];
  const kernel = (await succeed('uname', ['-r'])).trim();
  const libvirt = /libvirt (\S+)$/m.exec(await succeed('virsh', ['version']))?.[1];
  note(`Xen ${xen}, Linux ${kernel}, libvirt ${libvirt}, Node ${process.version}`);
  await assertClean();
  assert.equal(await readDisk(disk), 'xenpci-lab NVME2');
}

async function twoGuests(): Promise<void> {
  const red = await timed(() => Guest.start({ name: 'red' }));
  const blue = await timed(() => Guest.start({ name: 'blue', by: 'xl' }));
  note(`guest start: libvirt ${red.seconds} s, xl ${blue.seconds} s`);
  assert.match(await red.value.shell('uname -sr'), /^Linux \d+\.\d+/);
  await assert.rejects(
    blue.value.shell('echo no such luck; exit_code() { return 3; }; exit_code'),
    /exit code 3\nno such/,
  );
  await red.value.has([]);
  await blue.value.has([]);
}

async function nicGoesToGuest(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await xl('pci-assignable-add', nic);
  assert.equal(await driverOf(nic), 'pciback');

  const attach = await timed(async () => {
    const { seconds } = await timed(() => virshDevice('attach', 'red', nic, '--live'));
    await red.has([NIC_ID]);
    return seconds;
  });
  note(`attach: virsh ${attach.value} s, bound in the guest after ${attach.seconds} s`);
  assert.equal(await holderOf(nic), await red.id());
  assert.equal(await markOf(nic), await red.id());
  await becomes('state of the backend', async () => (await pciBackends())[0]?.state, '4', 60_000);

  await red.shell('echo 1 > /sys/bus/pci/devices/0000:00:00.0/remove');
  const detach = await timed(() => virshDevice('detach', 'red', nic, '--live'));
  note(`detach: virsh ${detach.seconds} s`);
  await red.has([]);
  assert.equal(await holderOf(nic), undefined);
  assert.equal(await markOf(nic), undefined);
  assert.equal(await driverOf(nic), 'pciback');
}

async function diskComesBack(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await xl('pci-assignable-add', disk);
  await virshDevice('attach', 'red', disk, '--live');
  await red.has([DISK_ID]);
  const bytes = 'until [ -e /dev/nvme0n1 ]; do usleep 200000; done; head -n 1 /dev/nvme0n1';
  assert.equal(await red.shell(bytes, 120_000), 'xenpci-lab NVME2', 'the guest reads the disk');

  await red.shell('echo 1 > /sys/bus/pci/devices/0000:00:00.0/remove');
  await virshDevice('detach', 'red', disk, '--live');
  await xl('pci-assignable-remove', '-r', disk);
  await becomes('driver of the disk', () => driverOf(disk), 'nvme', 60_000);
  assert.equal(await readDisk(disk), 'xenpci-lab NVME2', 'dom0 reads the disk again');
}

async function resetTwice(): Promise<void> {
  await Guest.start({ name: 'red' });
  await xl('pci-assignable-add', nic);
  await xl('pci-assignable-add', disk);
  await virshDevice('attach', 'red', nic, '--live');
  await restartLibvirtd();
  await assert.rejects(assertClean());
  const first = await timed(resetHost);
  await assertClean();
  const second = await timed(resetHost);
  note(`reset: ${first.seconds} s, of a clean host ${second.seconds} s`);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('dom0 is ready and its devices are on their drivers', dom0IsReady),
  test('two guests start and run commands', twoGuests),
  test('a network card goes into a running guest and comes out', nicGoesToGuest),
  test('a disk is read in a guest and, given back, in dom0', diskComesBack),
  test('the reset brings the host back, twice in a row', resetTwice),
];
