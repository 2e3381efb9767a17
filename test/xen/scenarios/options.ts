/** Options, each by its effect. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { becomes } from '../dom0/deadline.ts';
import { NIC_ID, NICS, NO_RESET, permissiveDevices } from '../dom0/devices.ts';
import { Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { loggedLine } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { entriesOf } from '../dom0/xenstore.ts';

const [nic] = NICS;
/** A byte of the mask of uncorrectable errors (AER at 0x100): nothing that pciback lets a guest write by default. */
const MASK = 0x109;

async function withoutReset(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: NO_RESET }));
  await Product.start('--resync', '5');
  await loggedLine('the refusal', ({ message }) => /is refused: NoReset: 0000:00:1a.0 has no reset/.test(message));
  await red.has([]);
  await writeManifest('red.yaml', `${assignment('red', { lan: NO_RESET })}      reset: BestEffort\n`);
  await red.has(['8086:100e'], 300_000);
  note(await red.shell('cat /sys/class/net/*/address'));
}

async function permissive(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', `${assignment('red', { lan: nic })}      permissive: true\n`);
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  assert.match((await entriesOf(await red.id())).get(nic)?.opts ?? '', /permissive=1/);
  assert.deepEqual(await permissiveDevices(), [nic]);
  assert.equal(await passes(red), true, 'a permissive guest writes');

  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  await loggedLine('NeedsRestart', ({ message }) =>
    /NeedsRestart: red has .* with another permissive than false/.test(message),
  );
  await red.has([NIC_ID]);
  await red.destroy();
  await becomes("pciback's list", permissiveDevices, [], 120_000);
  await red.start();
  await red.has([NIC_ID], 300_000);
  assert.match((await entriesOf(await red.id())).get(nic)?.opts ?? '', /permissive=0/);
  assert.equal(await passes(red), false, 'the next guest is filtered');
}

/** Whether what the guest writes arrives in the card. */
async function passes(guest: Guest): Promise<boolean> {
  const now = async (): Promise<number> => (await readFile(`/sys/bus/pci/devices/${nic}/config`))[MASK] ?? -1;
  const before = await now();
  const [address] = (await guest.devices()).keys();
  const octal = (before ^ 0x10).toString(8).padStart(3, '0');
  const target = `/sys/bus/pci/devices/${address}/config`;
  await guest.shell(`printf '\\${octal}' | dd of=${target} bs=1 seek=${MASK} conv=notrunc`);
  const after = await now();
  note(`byte ${MASK.toString(16)}: ${before.toString(16)} before, ${after.toString(16)} after`);
  return after !== before;
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('a card without reset is refused under Strict and works under BestEffort', withoutReset, 600_000),
  test('permissive shows by its effect, waits for a restart to end, and ends for the next guest', permissive, 900_000),
];
