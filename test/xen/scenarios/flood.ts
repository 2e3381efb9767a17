/** A guest that writes to xenstore as fast as it can: what pciback makes of it reaches every watch on its backend. */
import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { NIC_ID, NICS } from '../dom0/devices.ts';
import { Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { loggedLine } from '../dom0/product-log.ts';
import { note, type Test, test, timed } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [first, second] = NICS;
const SOCKET = '/run/xenstored/socket';
const API = '/run/xenpci/api.sock';

/** MiB by which the controller may grow while it is flooded: what its heap may put off until the next collection. */
const GROWTH_LIMIT = 48;
/** Passes a second that hints alone may cause (design, section 4), and how many at once. */
const HINTS_A_SECOND = 5;
const HINTS_AT_ONCE = 50;

/** A message of xenstore's protocol, as printf of a shell writes it: XS_WRITE (11), no transaction. */
function writing(path: string, value: string): string {
  const payload = `${path}\\000${value}`;
  const length = path.length + 1 + value.length;
  const word = (number: number): string => `\\${number.toString(8).padStart(3, '0')}\\000\\000\\000`;
  return `${word(11)}${word(0)}${word(0)}${word(length)}${payload}`;
}

/** Its own end of the bus closes and connects (pciback follows each time), with rubbish and new nodes in between. */
const FLOOD = [
  writing('device/pci/0/state', '5'),
  writing('device/pci/0/state', '4'),
  writing('device/pci/0/state', 'x'.repeat(60)),
  writing('data/x', '\\033\\377'),
].join('');

/** Begins it, in the background of the guest; it counts its rounds in a file. */
const BEGIN = [
  'exec 3<>/dev/xen/xenbus;',
  '(cat <&3 >/dev/null & n=0;',
  `while :; do printf '${FLOOD}' >&3 || exit; n=$((n + 1)); [ $((n % 50)) != 0 ] || echo $n >>/tmp/rounds; done)`,
  '>/dev/null 2>&1 &',
].join(' ');

async function floods(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  await writeManifest('red.yaml', assignment('red', { lan: first }));
  await writeManifest('blue.yaml', assignment('blue', {}));
  const product = await Product.start();
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event, message }) => event === 'Ready' && /red/.test(message));
  const before = await figuresOf(product);

  await red.shell(BEGIN);
  const began = performance.now();
  await writeManifest('blue.yaml', assignment('blue', { lan: second }));
  const { seconds } = await timed(() => blue.has([NIC_ID], 400_000));
  assert.equal(await holderOf(second), await blue.id());
  await writeManifest('blue.yaml', assignment('blue', {}));
  await blue.has([], 400_000);
  const lasted = (performance.now() - began) / 1_000;

  const after = await figuresOf(product);
  const rounds = Number(await red.shell('tail -n 1 /tmp/rounds', 300_000));
  const passes = after.passes - before.passes;
  note(`others served in ${seconds} s; in ${lasted.toFixed(0)} s ${4 * rounds} writes of the guest, ${passes} passes`);
  note(`resident ${before.mib.toFixed(0)} MiB before, ${after.mib.toFixed(0)} MiB after`);
  assert.ok(rounds > 0, 'the guest has flooded');
  assert.ok(passes <= HINTS_AT_ONCE + HINTS_A_SECOND * lasted + 20, `${passes} passes in ${lasted} s`);
  assert.ok(after.mib - before.mib < GROWTH_LIMIT, `${before.mib} MiB before, ${after.mib} MiB after`);
  assert.equal(await holderOf(first), await red.id(), 'nothing is taken from the guest that floods');
  assert.equal(await product.stop(), 0);
}

async function overTheDevice(): Promise<void> {
  await rename(SOCKET, `${SOCKET}.away`);
  try {
    await floods();
  } finally {
    await rename(`${SOCKET}.away`, SOCKET);
  }
}

interface Figures {
  /** Resident memory. */
  readonly mib: number;
  readonly passes: number;
}

async function figuresOf({ pid }: Product): Promise<Figures> {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  const passes = [...(await metrics()).matchAll(/^xenpci_passes_total\{.*\} (\d+)$/gm)];
  return { mib: Number(kib) / 1_024, passes: passes.reduce((sum, [, count]) => sum + Number(count), 0) };
}

function metrics(): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath: API, path: '/metrics' }, response => resolve(text(response)))
      .once('error', reject)
      .end();
  });
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('of xenstore by a guest: others are served, memory and passes stay bounded', floods, 1_200_000),
  test('the same over /dev/xen/xenbus', overTheDevice, 1_200_000),
];
