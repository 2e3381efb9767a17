/** The host sleeps, and wakes again. */
import assert from 'node:assert/strict';
import { becomes } from '../dom0/deadline.ts';
import { DISK_ID, DISKS, NIC_ID, NICS } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { sleepHost } from '../dom0/host-sleep.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, logLines, stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test, timed } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;
const [disk] = DISKS;
const SECONDS = 20;
const READ = 'dd if=/dev/nvme0n1 bs=512 count=1 iflag=direct 2>/dev/null | head -n 1';

async function sleeps(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: nic, data: disk }));
  const product = await Product.start('--resync', '5');
  await red.has([NIC_ID, DISK_ID], 300_000);
  const known = (await logLines()).length;
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');
  const steps = await stepsBegun();
  const said = deviceLists(await red.console.text());

  await sleepHost(SECONDS);
  const { message } = await loggedLine('the sleep', ({ event }) => event === 'HostSlept', { from: known });
  assert.match(message, new RegExp(`slept for (${SECONDS - 1}|2\\d) s; .*${nic} of red, ${disk} of red`));
  assert.ok(product.isRunning, 'the controller that went to sleep');
  const { stdout } = await xenpci(['describe', 'assignment', 'red', '--manifests', MANIFESTS]);
  assert.match(stdout, /Ready True .*red has 2 devices/);
  // A driver that waits for an interrupt which its device has forgotten gives up after 30 s, and sets it up again.
  const first = await timed(() => red.shell(READ, 240_000));
  assert.equal(first.value, 'xenpci-lab NVME2', 'the guest reads its disk');
  note(`first read of the guest after the sleep: ${first.seconds} s`);
  assert.deepEqual(await stepsBegun(), steps, 'a sleep causes no step');
  assert.deepEqual(deviceLists(await red.console.text()), said, 'the guest has lost nothing');

  await setsUpAnew(red);
  await letsGo(red);
}

/** What the explanation of `HostSlept` advises for a device that stays silent. */
async function setsUpAnew(red: Guest): Promise<void> {
  const console = await red.console.sinceNow();
  await xl('pci-detach', 'red', disk);
  await console.waitFor(new RegExp(`^GUEST pci:\\[\\S+=${NIC_ID}:bound\\]`, 'm'), 120_000);
  await red.has([NIC_ID, DISK_ID], 300_000);
  assert.equal(
    await red.shell(`until [ -e /dev/nvme0n1 ]; do usleep 200000; done; ${READ}`, 120_000),
    'xenpci-lab NVME2',
  );
}

/** The files count as ever. */
async function letsGo(red: Guest): Promise<void> {
  await writeManifest('red.yaml', assignment('red', { data: disk }));
  await red.has([DISK_ID], 300_000);
  await becomes('holder of the card', () => holderOf(nic), undefined, 60_000);
}

export const tests: readonly Test[] = [
  test('the host sleeps: no step, nothing lost, and all can be changed', sleeps, 1_200_000),
];
