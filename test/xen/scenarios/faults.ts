/** What a step needs ends in the middle of it: libvirtd, the guest, xl. */
import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { becomes, until } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { Guest } from '../dom0/guest.ts';
import { killLibvirtdWhen, startLibvirtd, stopLibvirtd } from '../dom0/libvirtd.ts';
import { assignment } from '../dom0/manifest.ts';
import { Product, writeManifest } from '../dom0/product.ts';
import { loggedLine, logLines } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { holderOf, pciBackends } from '../dom0/xenstore.ts';

const [nic] = NICS;
const host = { deletionPolicy: 'Host' };
const XL = '/usr/sbin/xl';

async function libvirtdKilled(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }, host));
  await Product.start('--resync', '5');
  await inMiddleOfAttach(red);
  await stopLibvirtd('SIGKILL');
  note(`libvirtd was killed with the guest’s PCI bus in state ${await busState(red)}`);
  await startLibvirtd();
  await red.has([NIC_ID], 300_000);
  await inPlace(red);

  // The libxl that waits for the guest dies with libvirtd. Where the guest lets go after that, its entry in the backend is
  // left for good: xenpci says so, and the card is free when the guest has been started anew.
  const bus = `/local/domain/0/backend/pci/${await red.id()}/0/state`;
  const killed = killLibvirtdWhen(`[ "$(xenstore-read ${bus})" = 7 ]`, 180_000);
  await writeManifest('red.yaml', assignment('red', {}, host));
  await killed;
  await startLibvirtd();
  if ((await until('the card in dom0, or why not', async () => inDom0OrLeft(red), 300_000)) !== 'in dom0') {
    note('its entry is left in the backend; red is started anew');
    await red.destroy();
    await red.start();
  }
  await becomes('driver', () => driverOf(nic), 'e1000e', 300_000);
  await red.has([]);
  assert.deepEqual(await red.hostdevs('stored'), []);
  note(`failed on the way: ${await failures()}`);
}

async function inDom0OrLeft({ name }: Guest): Promise<'in dom0' | 'left' | undefined> {
  if ((await driverOf(nic)) === 'e1000e') return 'in dom0';
  const said = `${name} let go of ${nic} too late for libxl`;
  return (await logLines()).some(({ message }) => message.includes(said)) ? 'left' : undefined;
}

async function guestDestroyed(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }, host));
  await Product.start('--resync', '5');
  await inMiddleOfAttach(red);
  await red.destroy();
  await becomes('holder', () => holderOf(nic), undefined, 60_000);
  await becomes('driver', () => driverOf(nic), 'pciback', 60_000);
  await stored(red);
  const from = (await logLines()).length;
  await red.start();
  await red.has([NIC_ID], 300_000);
  await inPlace(red);
  const again = (await logLines()).slice(from).filter(({ event }) => event === 'StepStarted');
  assert.deepEqual(
    again.map(({ step }) => step),
    [],
    'it comes with the start, and no step is taken',
  );
  note(`failed on the way: ${await failures()}`);
}

async function xlKilled(): Promise<void> {
  const xls = await Guest.start({ name: 'xls', by: 'xl' });
  const domid = await xls.id();
  const backend = `/local/domain/0/backend/pci/${domid}`;
  const drivers = '/sys/bus/pci/drivers';
  // What a call of xl has begun with when it is killed.
  const begun = {
    'pci-assignable-add': `! [ -e ${drivers}/e1000e/${nic} ]`,
    // With a guest's first device libxl waits for nobody: there is only the time after it has connected to Xen.
    'pci-attach': '[ -e /proc/$pid/fd/4 ]',
    'pci-detach': `[ "$(xenstore-read ${backend}/0/state)" = 7 ]`,
    'pci-assignable-remove': `! [ -e ${drivers}/pciback/${nic} ]`,
  };
  await withDyingXl(begun, async killed => {
    await writeManifest('xls.yaml', assignment('xls', { lan: nic }, host));
    await Product.start('--resync', '5');
    await xls.has([NIC_ID], 400_000);
    await inPlace(xls);
    await becomes('killed calls', killed, ['pci-assignable-add', 'pci-attach'], 60_000);

    await writeManifest('xls.yaml', assignment('xls', {}, host));
    if ((await until('the card in dom0, or why not', async () => inDom0OrLeft(xls), 400_000)) === 'left') {
      note('its entry is left in the backend; xls is ended');
      await xls.destroy();
    }
    await becomes('driver', () => driverOf(nic), 'e1000e', 300_000);
    assert.equal(await holderOf(nic), undefined);
    await becomes('killed calls', killed, Object.keys(begun).sort(), 60_000);
    note(`failed on the way: ${await failures()}`);
  });
}

/**
 * Puts a program in xl's place that runs xl, and kills it (-9) in the first call of each subcommand of `begun` once that
 * condition of the shell holds. `body` is given what tells which calls were killed.
 */
async function withDyingXl(
  begun: Readonly<Record<string, string>>,
  body: (killed: () => Promise<string[]>) => Promise<void>,
): Promise<void> {
  const kept = '/usr/sbin/xl.kept';
  const record = '/tmp/xl-killed';
  const cases = Object.entries(begun).map(([subcommand, condition]) => `${subcommand}) begun() { ${condition}; } ;;`);
  const script = `#!/bin/sh
real=$(echo /usr/lib/xen-*/bin/xl)
case $1 in ${cases.join('\n')} *) exec $real "$@" ;; esac
if [ -e ${record}/$1 ]; then exec $real "$@"; fi
$real "$@" & pid=$!
until begun 2>/dev/null; do kill -0 $pid 2>/dev/null || { wait $pid; exit; }; done
kill -9 $pid 2>/dev/null || { wait $pid; exit; }
touch ${record}/$1
kill -9 $$
`;
  await rm(record, { recursive: true, force: true });
  await mkdir(record);
  await rename(XL, kept);
  try {
    await writeFile(XL, script, { mode: 0o755 });
    await body(async () => (await readdir(record)).sort());
  } finally {
    await rename(kept, XL);
  }
}

/** Waits until libxl has begun to give the guest its first device, and the guest cannot use it yet. */
async function inMiddleOfAttach(guest: Guest): Promise<void> {
  const state = async (): Promise<true | undefined> => ((await busState(guest)) === undefined ? undefined : true);
  await until(`libxl gives ${guest.name} a PCI bus`, state, 180_000);
  assert.deepEqual([...(await guest.devices())], [], 'the guest has no device yet');
}

async function busState(guest: Guest): Promise<string | undefined> {
  const domid = await guest.id();
  return (await pciBackends()).find(backend => backend.domid === domid)?.state;
}

async function inPlace(guest: Guest): Promise<void> {
  assert.equal(await holderOf(nic), await guest.id());
  await loggedLine('that it is ready', ({ event }) => event === 'Ready', { ms: 180_000 });
}

async function stored(guest: Guest): Promise<void> {
  const addresses = async (): Promise<string[]> => (await guest.hostdevs('stored')).map(({ address }) => address);
  await becomes('stored devices', addresses, [nic], 60_000);
}

async function failures(): Promise<string> {
  const failed = (await logLines()).filter(({ event }) => event === 'StepFailed');
  return (
    failed
      .map(({ message }) => message)
      .join(' | ')
      .slice(0, 900) || 'nothing'
  );
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'libvirtd is killed in the middle of an attach and of a detach: the card gets where it belongs',
    libvirtdKilled,
    1_200_000,
  ),
  test('a guest is destroyed in the middle of an attach: the next start has the card', guestDestroyed, 900_000),
  test('xl is killed in the middle of each thing it does: the card gets where it belongs', xlKilled, 1_200_000),
];
