/** Guests that take turns with one device. */
import assert from 'node:assert/strict';
import { becomes, stays } from '../dom0/deadline.ts';
import { NIC_ID, NICS } from '../dom0/devices.ts';
import { Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;

/** red may not start without it; blue may. */
function sharing(name: string, whenMissing: 'Fail' | 'Ignore'): string {
  return `${assignment(name, { lan: nic })}      sharing: FirstStarted\n      whenMissing: ${whenMissing}\n`;
}

async function takeTurns(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  await writeManifest('red.yaml', sharing('red', 'Fail'));
  await writeManifest('blue.yaml', sharing('blue', 'Ignore'));
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await loggedLine('who has it', ({ message }) =>
    /^blue is not ready: SharedInUse: .*red (?:has|is first to get) 0000:01:00.0/.test(message),
  );
  const described = await xenpci(['describe', 'assignment', 'blue', '--manifests', MANIFESTS]);
  assert.match(described.stdout, /SharedInUse: red has 0000:01:00.0, which it shares with blue/);
  await becomes('stored devices of blue', () => blue.hostdevs('stored'), [], 60_000);
  await blue.has([]);

  await red.destroy();
  await blue.has([NIC_ID], 300_000);
  const refused = await red.start().then(
    () => 'it started',
    (error: unknown) => String(error),
  );
  note(`start of one that may not be without it: ${refused.split('\n')[0]}`);
  assert.doesNotMatch(refused, /it started/);
  await stays('holder', () => holderOf(nic), await blue.id(), 10_000);

  await blue.destroy();
  await red.start();
  await red.has([NIC_ID], 300_000);
  await blue.start();
  await blue.has([]);
  await stays('holder', () => holderOf(nic), await red.id(), 10_000);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'two guests take turns with one card: the second is told who has it, and gets it when the first stops',
    takeTurns,
    1_200_000,
  ),
];
