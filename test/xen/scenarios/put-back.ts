/** A card that is taken out of a running guest and put back: the guest never had the one that is there now. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { becomes, stays } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;

/** No controller runs meanwhile, and an administrator makes the card assignable: everything looks as before. */
async function putBack(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  await writeManifest('all.yaml', assignment('red', { lan: nic }));
  const first = await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');
  assert.equal(await first.stop(), 0);

  await takenOutAndPutBack();
  note(`driver of a card that was put back: ${(await driverOf(nic)) ?? 'none'}`);
  await xl('pci-assignable-add', nic);
  await becomes('driver', () => driverOf(nic), 'pciback', 60_000);
  await becomes('holder by xenstore', () => holderOf(nic), await red.id(), 10_000);

  const steps = await stepsBegun();
  await writeManifest('all.yaml', assignment('blue', { lan: nic }));
  await Product.start('--resync', '5');
  await loggedLine('the wait', ({ event, message }) => event === 'WaitBegan' && message.includes('NeedsRestart'));
  await stays('holder by xenstore', () => holderOf(nic), await red.id(), 15_000);
  const moves = (await stepsBegun()).slice(steps.length).filter(step => /^(attach|detach)/.test(step));
  assert.deepEqual(moves, [], 'nobody is asked for a card that it never had');
  const { stdout } = await xenpci(['describe', 'device', nic, '--manifests', MANIFESTS]);
  assert.match(stdout, /was taken out and put back; stop and start red/);

  await red.destroy();
  await blue.has([NIC_ID], 300_000);
}

async function takenOutAndPutBack(): Promise<void> {
  const folder = `/sys/bus/pci/devices/${nic}`;
  await writeFile(`${folder}/remove`, '1');
  await becomes('the card', async () => existsSync(folder), false, 60_000);
  await writeFile('/sys/bus/pci/rescan', '1');
  await becomes('the card', async () => existsSync(folder), true, 60_000);
}

export const tests: readonly Test[] = [test('a card that was put back is not taken from its guest', putBack, 900_000)];
