/** How long it takes from saving a manifest until the guest has the device, beside libvirt alone. */
import assert from 'node:assert/strict';
import { becomes } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { Guest, virshDevice } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { loggedLine, logLines } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';

/** The same card in turn, so that the guest does the same work. */
const [nic] = NICS;
const ROUNDS = 3;
const BOUND = new RegExp(`^GUEST pci:\\[\\S+=${NIC_ID}:bound\\]`, 'm');

async function saveToConsole(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await xl('pci-assignable-add', nic);
  const bare = [...(await bareRounds(red)), ...(await bareRounds(red))];
  await xl('pci-assignable-remove', '-r', nic);
  const fromHost: number[] = [];
  const fromPciback: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await becomes('driver of the card', () => driverOf(nic), 'e1000e', 120_000);
    const product = await startIdle();
    fromHost.push(await productRound(red, { deletionPolicy: 'Assignable' }));
    fromPciback.push(await productRound(red, { deletionPolicy: 'Host' }));
    await product.stop();
  }
  note(`virsh attach-device to bound in the guest: ${shown(bare)}`);
  note(`manifest saved to bound, device on pciback: ${shown(fromPciback)}, ${ratio(fromPciback, bare)} times virsh`);
  note(`manifest saved to bound, device on its dom0 driver: ${shown(fromHost)}, ${ratio(fromHost, bare)} times virsh`);
}

async function bareRounds(red: Guest): Promise<number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const console = await red.console.sinceNow();
    const since = performance.now();
    await virshDevice('attach', 'red', nic, '--live');
    await console.waitFor(BOUND, 120_000);
    seconds.push((performance.now() - since) / 1_000);
    await virshDevice('detach', 'red', nic, '--live');
    await red.hasNoBus();
  }
  return seconds;
}

/** A controller that has nothing to do and waits for an edit. */
async function startIdle(): Promise<Product> {
  const known = (await logLines()).length;
  await writeManifest('red.yaml', assignment('red', {}));
  const product = await Product.start();
  await loggedLine('that red is ready', ({ event }) => event === 'Ready', { from: known });
  return product;
}

/** Names the card in the manifest, and then no longer; the policy says where it is afterwards. */
async function productRound(red: Guest, policy: { readonly deletionPolicy: 'Assignable' | 'Host' }): Promise<number> {
  const console = await red.console.sinceNow();
  const since = performance.now();
  await writeManifest('red.yaml', assignment('red', { lan: nic }, policy));
  await console.waitFor(BOUND, 180_000);
  const seconds = (performance.now() - since) / 1_000;
  const known = (await logLines()).length;
  await writeManifest('red.yaml', assignment('red', {}));
  await red.has([], 180_000);
  const driver = policy.deletionPolicy === 'Host' ? 'e1000e' : 'pciback';
  await becomes('driver of the card', () => driverOf(nic), driver, 120_000);
  await becomes('stored devices', () => red.hostdevs('stored'), [], 60_000);
  await loggedLine('the last step', ({ event, step }) => event === 'StepPerformed' && step === LAST[driver], {
    from: known,
  });
  return seconds;
}

const LAST: Readonly<Record<'e1000e' | 'pciback', string>> = { e1000e: `release ${nic}`, pciback: `detach ${nic}` };

function shown(seconds: readonly number[]): string {
  return `median ${median(seconds).toFixed(1)} s (${seconds.map(each => each.toFixed(1)).join(', ')})`;
}

function ratio(ours: readonly number[], bare: readonly number[]): string {
  return (median(ours) / median(bare)).toFixed(1);
}

function median(seconds: readonly number[]): number {
  return seconds.toSorted((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? assert.fail('no rounds');
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('the time from a saved manifest to a bound driver in the guest is measured', saveToConsole, 1_200_000),
];
