/** What is ours and what is not: drift that is only shown, a lost state folder, foreign devices. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { stays } from '../dom0/deadline.ts';
import { NIC_ID, NICS } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { Guest, virshDevice } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, logLines, stepsBegun } from '../dom0/product-log.ts';
import { type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic, foreign] = NICS;

async function driftIsReported(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const report = (more: Record<string, string>): string =>
    assignment('red', { lan: nic }, { driftPolicy: 'Report', ...more });
  await writeManifest('red.yaml', report({}));
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');

  await taken(red, () => xl('pci-detach', 'red', nic));
  await writeManifest('red.yaml', report({ deletionPolicy: 'Host' }));
  await red.has([NIC_ID], 300_000);
  await loggedLine(
    'that red is ready again',
    ({ event, message }) => event === 'WaitEnded' && message.includes('Drifted'),
  );
  await stays('holder', () => holderOf(nic), await red.id(), 5_000);

  await taken(red, () => virshDevice('detach', 'red', nic));
  await writeManifest('red.yaml', report({ driftPolicy: 'Correct' }));
  await red.has([NIC_ID], 300_000);
}

async function taken(red: Guest, take: () => Promise<unknown>): Promise<void> {
  const [known, steps] = [(await logLines()).length, await stepsBegun()];
  await take();
  const drifted = ({ message }: { message: string }): boolean =>
    message.includes(`Drifted: ${nic} was in place (guest red)`);
  await loggedLine('the drift', drifted, { from: known });
  await stays('holder', () => holderOf(nic), undefined, 12_000);
  await red.has([]);
  assert.deepEqual(await stepsBegun(), steps, 'no step is taken');
}

async function stateIsLost(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  const product = await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');
  await product.stop();
  await xl('pci-assignable-add', foreign);
  await xl('pci-attach', 'red', foreign);
  await red.has([NIC_ID, NIC_ID]);
  await rm('/var/lib/xenpci', { recursive: true });

  const [known, steps] = [(await logLines()).length, await stepsBegun()];
  await Product.start('--resync', '5');
  await loggedLine('that red is ready', ({ event }) => event === 'Ready', { from: known });
  await stays('holder of the foreign card', () => holderOf(foreign), await red.id(), 12_000);
  assert.deepEqual(await stepsBegun(), steps, 'no step is taken');
  const { stdout } = await xenpci(['get', 'assignments', 'red', '-o', 'yaml', '--manifests', MANIFESTS]);
  assert.match(stdout, new RegExp(`type: ForeignDevices[^]*${foreign}`));

  await writeManifest('red.yaml', assignment('red', {}));
  await stays('holder of the foreign card', () => holderOf(foreign), await red.id(), 12_000);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'driftPolicy Report shows what xl and virsh took away, and leaves it until the manifest changes',
    driftIsReported,
    900_000,
  ),
  test('a lost state folder costs no step; a foreign card is shown and left', stateIsLost, 900_000),
];
