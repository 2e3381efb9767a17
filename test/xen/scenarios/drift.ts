/** What others do to devices behind the product's back: corrected where a manifest says so, otherwise only shown. */
import assert from 'node:assert/strict';
import { becomes } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, logLines } from '../dom0/product-log.ts';
import { type Test, test } from '../dom0/test.ts';
import { entriesOf, holderOf } from '../dom0/xenstore.ts';

const [nic, foreign] = NICS;

async function drift(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue', by: 'xl' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }, { deletionPolicy: 'Host' }));
  const product = await Product.start();
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', line => line.event === 'Ready');

  // A device that nobody named, in a guest that nobody named. The two corrections below are two passes and more.
  await xl('pci-assignable-add', foreign);
  await xl('pci-attach', 'blue', foreign);
  await blue.has([NIC_ID]);
  const entry = (await entriesOf(await blue.id())).get(foreign);
  const console = await blue.console.sinceNow();

  await correctedWhileRunning(red);
  await correctedAtStart(red, product);

  assert.deepEqual((await entriesOf(await blue.id())).get(foreign), entry, "the foreign device's entry in xenstore");
  assert.deepEqual(deviceLists(await console.text()), [], 'the foreign device stays where it is');
  assert.deepEqual(
    (await logLines()).filter(({ device }) => device === foreign),
    [],
  );
  assert.match(await shown('get', 'devices'), new RegExp(`^${foreign} +guest blue `, 'm'));

  // After a correction through xl, libvirt's belief is true again, and the device can leave as it came.
  await writeManifest('red.yaml', assignment('red', {}));
  await becomes('driver of the card', () => driverOf(nic), 'e1000e', 300_000);
  await red.has([]);
  assert.deepEqual(await red.hostdevs('live'), []);
  await becomes('holder of the foreign device', () => holderOf(foreign), await blue.id(), 10_000);
}

async function correctedWhileRunning(red: Guest): Promise<void> {
  const console = await red.console.sinceNow();
  const known = (await logLines()).length;
  await xl('pci-detach', 'red', nic);
  await console.waitFor(/^GUEST pci:\[\]/m, 60_000);
  await console.waitFor(new RegExp(`^GUEST pci:\\[\\S+=${NIC_ID}:bound\\]`, 'm'), 300_000);
  await loggedLine('the divergence', ({ event, device }) => event === 'Diverged' && device === nic, { from: known });
  await loggedLine('that it has ended', ({ event }) => event === 'DivergenceEnded', { from: known });
}

async function correctedAtStart(red: Guest, product: Product): Promise<void> {
  assert.equal(await product.stop(), 0);
  await xl('pci-detach', 'red', nic);
  await red.has([]);
  assert.deepEqual(
    (await red.hostdevs('live')).map(({ address }) => address),
    [nic],
    'libvirt goes on believing',
  );
  assert.match(await shown('get', 'devices'), new RegExp(`^${nic} +assignable .*Diverged`, 'm'));
  const words = /Diverged: +xenstore shows it in no guest; libvirt shows it in red/;
  assert.match(await shown('describe', 'device', nic), words);

  const known = (await logLines()).length;
  await Product.start();
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event }) => event === 'Ready', { from: known });
  assert.doesNotMatch(await shown('get', 'devices'), /Diverged/);
}

async function shown(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await xenpci([...args, '--manifests', MANIFESTS]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('a detach behind its back is corrected and shown; what nobody named is left alone and shown', drift, 900_000),
];
