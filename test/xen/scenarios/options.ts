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
/** The id of a capability in config space: Message Signalled Interrupts. */
const MSI = 0x05;
/**
 * Where the second byte of the message's address is in it. pciback lets nobody write there by default, every card lets,
 * and a driver that uses MSI-X has no use for it.
 */
const MESSAGE = 5;

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
  const before = await config();
  const at = capability(before, MSI) + MESSAGE;
  const [address] = (await guest.devices()).keys();
  const octal = ((before[at] ?? 0) ^ 0x10).toString(8).padStart(3, '0');
  const target = `/sys/bus/pci/devices/${address}/config`;
  await guest.shell(`printf '\\${octal}' | dd of=${target} bs=1 seek=${at} conv=notrunc`);
  const after = await config();
  note(`byte ${at.toString(16)} of config space: ${before[at]} before, ${after[at]} after`);
  return after[at] !== before[at];
}

function config(): Promise<Buffer> {
  return readFile(`/sys/bus/pci/devices/${nic}/config`);
}

/** The offset of a capability in config space: a list that begins at what the byte at 0x34 says. */
function capability(space: Buffer, id: number): number {
  for (let at = space[0x34]; at !== undefined && at !== 0; at = space[at + 1]) {
    if (space[at] === id) return at;
  }
  return assert.fail(`no capability ${id}`);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('a card without reset is refused under Strict and works under BestEffort', withoutReset, 600_000),
  test('permissive shows by its effect, waits for a restart to end, and ends for the next guest', permissive, 900_000),
];
