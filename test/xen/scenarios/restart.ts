/** What outlives the daemons: libvirtd starts anew, and xenstore keeps entries of domains that are gone. */
import assert from 'node:assert/strict';
import { stays } from '../dom0/deadline.ts';
import { NIC_ID, NICS } from '../dom0/devices.ts';
import { run, succeed, virsh, xl } from '../dom0/exec.ts';
import { deviceLists, Guest, hostdev } from '../dom0/guest.ts';
import { restartLibvirtd } from '../dom0/libvirtd.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { loggedLine, stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { entriesOf, holderOf, listXenstore } from '../dom0/xenstore.ts';

const [nic, other] = NICS;
/** A domain that has never been. */
const GONE = 7_777;

async function libvirtdRestarts(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  await writeManifest('guests.yaml', assignment('red', { lan: nic }));
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');
  const steps = await stepsBegun();
  const console = await red.console.sinceNow();
  const entry = async (): Promise<unknown> => (await entriesOf(await red.id())).get(nic);
  const before = await entry();

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await restartLibvirtd(signal);
    await stays(`entry in xenstore after ${signal} of libvirtd`, entry, before, 12_000);
  }
  assert.deepEqual(await stepsBegun(), steps, 'no step is taken');
  assert.deepEqual(deviceLists(await console.text()), []);

  await writeManifest('guests.yaml', assignment('blue', { lan: nic }));
  await blue.has([NIC_ID], 300_000);
  await red.has([]);
  assert.deepEqual(await red.hostdevs('live'), []);
  assert.equal(await holderOf(nic), await blue.id());
}

async function staleEntries(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeStaleEntry(GONE, nic);
  note(`destroyed right after its start: ${await destroyedAtOnce()}`);
  const stale = await listXenstore(`/local/domain/0/backend/pci/${GONE}`);
  assert.ok(stale.size > 0);

  await writeManifest('red.yaml', assignment('red', { lan: nic, wan: other }));
  await Product.start();
  await red.has([NIC_ID, NIC_ID], 300_000);
  assert.equal(await holderOf(nic), await red.id());
  assert.equal(await holderOf(other), await red.id());
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');
  assert.deepEqual(await listXenstore(`/local/domain/0/backend/pci/${GONE}`), stale, 'nobody touches the stale entry');
}

/** As libxl leaves it behind: closed, but with its devices. */
async function writeStaleEntry(domid: number, address: string): Promise<void> {
  const nodes = { domain: 'gone', num_devs: '1', 'dev-0': address, 'state-0': '5', online: '0', state: '6' };
  for (const [name, value] of Object.entries(nodes)) {
    await succeed('xenstore-write', [`/local/domain/0/backend/pci/${domid}/0/${name}`, value]);
  }
}

/** The way real Xen makes them: a domain that is destroyed as soon as it has been created. Says what was left behind. */
async function destroyedAtOnce(): Promise<string> {
  await xl('pci-assignable-add', other);
  const blue = await Guest.define({ name: 'blue', devices: hostdev(other) });
  await virsh('start', 'blue');
  const domid = await blue.id();
  await blue.destroy();
  await virsh('undefine', 'blue');
  assert.notEqual((await run('xl', ['domname', String(domid)])).code, 0);
  const left = await listXenstore(`/local/domain/0/backend/pci/${domid}`);
  return left.size === 0 ? 'nothing stays in xenstore' : `${left.size} nodes stay in xenstore`;
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'libvirtd restarts while a guest has its device: nothing is lost, and an edit afterwards works',
    libvirtdRestarts,
    900_000,
  ),
  test('a stale entry of a domain that is gone holds nothing', staleEntries, 600_000),
];
