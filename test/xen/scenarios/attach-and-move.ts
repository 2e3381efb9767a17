/** The main job: a manifest puts devices into a running guest, and an edit moves one of them to another. */
import assert from 'node:assert/strict';
import { DISK_ID, DISKS, driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { loggedLine, logLines, stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test, timed } from '../dom0/test.ts';
import { entriesOf, holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;
const [disk] = DISKS;

async function attachAndMove(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  await writeManifest('guests.yaml', assignment('red', { lan: nic, data: disk }));
  await Product.start();

  const attach = await timed(() => red.has([NIC_ID, DISK_ID], 300_000));
  await blue.has([]);
  await isHeldBy(red, nic);
  await isHeldBy(red, disk);
  const read = 'dd if=/dev/nvme0n1 of=/tmp/block bs=4096 count=1';
  await red.shell(`until [ -e /dev/nvme0n1 ]; do usleep 200000; done; ${read} && head -n 1 /tmp/block`, 120_000);
  await loggedLine('that red is ready', line => line.event === 'Ready');
  assert.deepEqual([...(await stepsBegun())].sort(), [
    `attach ${nic}`,
    `attach ${disk}`,
    `bind ${nic}`,
    `bind ${disk}`,
    'configure red',
  ]);

  const place = await placeOf(red, DISK_ID);
  const entry = await diskEntry(red);
  const console = await red.console.sinceNow();
  const known = (await logLines()).length;
  const steps = (await stepsBegun()).length;
  await writeManifest('guests.yaml', `${assignment('red', { data: disk })}---\n${assignment('blue', { lan: nic })}`);
  const move = await timed(() => blue.has([NIC_ID], 300_000));
  note(`from start to both bound ${attach.seconds} s, from edit to bound in the other guest ${move.seconds} s`);
  await red.has([DISK_ID]);
  await isHeldBy(blue, nic);
  await isHeldBy(red, disk);

  await loggedLine('that blue is ready', line => line.event === 'Ready' && line.message.startsWith('blue'));
  const moved = [`attach ${nic}`, 'configure blue', 'configure red', `detach ${nic}`];
  assert.deepEqual([...(await stepsBegun()).slice(steps)].sort(), moved);
  const about = (await logLines()).slice(known).filter(({ message }) => message.includes(disk));
  assert.deepEqual(about, [], 'the log is silent about the disk');
  assert.deepEqual(await diskEntry(red), entry, "the disk's entry in xenstore");
  const said = await console.text();
  for (const list of deviceLists(said)) {
    assert.ok(list.includes(`${place}=${DISK_ID}:bound`), `the disk stays bound: ${list}`);
  }
  const words = said.replaceAll(/^GUEST pci:\[[^\]]*\]/gm, '').split('\n');
  const other = words.filter(line => line.includes('nvme') || line.includes(place));
  assert.deepEqual(other, [], "the guest's console is silent about the disk");
  await red.shell('dd if=/dev/nvme0n1 of=/dev/null bs=4096 skip=4000 count=1');
}

async function isHeldBy(guest: Guest, address: string): Promise<void> {
  assert.equal(await holderOf(address), await guest.id());
  assert.equal(await driverOf(address), 'pciback');
  for (const which of ['live', 'stored'] as const) {
    const entry = (await guest.hostdevs(which)).find(hostdev => hostdev.address === address);
    assert.match(entry?.alias ?? '', /^ua-xenpci-/, `the ${which} definition of ${guest.name} has ${address}`);
  }
}

/** What must not change about the disk; its number may, for libxl renumbers. */
async function diskEntry(guest: Guest): Promise<unknown> {
  const { vdev, opts } = (await entriesOf(await guest.id())).get(disk) ?? assert.fail('no entry for the disk');
  assert.ok(vdev, 'the disk has a place in the guest');
  return { vdev, opts };
}

async function placeOf(guest: Guest, id: string): Promise<string> {
  const [place] = [...(await guest.devices())].find(([, device]) => device.id === id) ?? assert.fail(`no ${id}`);
  return place;
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'a card and a disk go into a running guest; an edit moves the card and leaves the disk alone',
    attachAndMove,
    900_000,
  ),
];
