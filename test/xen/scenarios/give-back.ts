/** Entries that go: each deletion policy. */
import assert from 'node:assert/strict';
import { becomes } from '../dom0/deadline.ts';
import { DISK_ID, DISKS, driverOf, NIC_ID, NICS, readDisk } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { Guest } from '../dom0/guest.ts';
import { KernelLog } from '../dom0/kernel-log.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic, orphan] = NICS;
const [disk] = DISKS;

async function giveBack(): Promise<void> {
  const kernel = await KernelLog.sinceNow();
  const red = await Guest.start({ name: 'red' });
  await writeManifest('disk.yaml', assignment('disk', { data: disk }, { domain: 'red', deletionPolicy: 'Host' }));
  await writeManifest('lan.yaml', assignment('lan', { lan: nic }, { domain: 'red', deletionPolicy: 'Assignable' }));
  await writeManifest('wan.yaml', assignment('wan', { wan: orphan }, { domain: 'red', deletionPolicy: 'Orphan' }));
  await Product.start();
  await red.has([DISK_ID, NIC_ID, NIC_ID], 300_000);
  await red.shell('until [ -e /dev/nvme0n1 ]; do usleep 200000; done; head -n 1 /dev/nvme0n1', 120_000);

  await writeManifest('disk.yaml', assignment('disk', {}, { domain: 'red' }));
  await becomes('driver of the disk', () => driverOf(disk), 'nvme', 300_000);
  assert.equal(await readDisk(disk), 'xenpci-lab NVME2');
  await kernel.showsNoFault();
  await red.has([NIC_ID, NIC_ID]);

  await writeManifest('lan.yaml', assignment('lan', {}, { domain: 'red' }));
  await writeManifest('wan.yaml', assignment('wan', {}, { domain: 'red' }));
  await red.has([NIC_ID], 300_000);
  await becomes('holder of the card', () => holderOf(nic), undefined, 60_000);
  assert.equal(await driverOf(nic), 'pciback');
  assert.match(await xl('pci-assignable-list'), new RegExp(nic));
  assert.equal(await holderOf(orphan), await red.id(), 'an orphan stays where it is');
  const stored = (await red.hostdevs('stored')).map(({ address }) => address);
  assert.deepEqual(stored, [orphan], 'the stored definition');
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'entries that go: Host gives the disk back and dom0 reads it, Assignable and Orphan keep theirs',
    giveBack,
    900_000,
  ),
];
