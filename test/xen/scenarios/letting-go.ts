/** How devices leave guests: guestUnbind, approval, guests that die meanwhile; and what dom0 has afterwards. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { becomes, stays, until } from '../dom0/deadline.ts';
import { DISK_ID, DISKS, driverOf, NIC_ID, NICS, readDisk } from '../dom0/devices.ts';
import { run, succeed, xl } from '../dom0/exec.ts';
import { Guest } from '../dom0/guest.ts';
import { KernelLog } from '../dom0/kernel-log.ts';
import { assignment, policy } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { type LogLine, loggedLine, logLines } from '../dom0/product-log.ts';
import { note, type Test, test, timed } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [first, second, orphan] = NICS;
const [disk] = DISKS;

/** A program as an administrator writes one: DOMID NAME GUEST-DEVICE. */
const LET_GO = '/tmp/let-go';
/** What it leaves behind when it has begun. */
const BEGUN = '/tmp/let-go-begun';

/**
 * Writes the command to the guest's console and waits for its end there. A process that is not the first of its session
 * opens the terminal: the first one would take it for its own, and hang it up at its end.
 */
const REMOVE = `
id=let-go-$$
device=/sys/bus/pci/devices/$3
tty=$(xenstore-read /local/domain/$1/console/tty) || exit 1
(printf '%s\\n' "$id [ ! -e $device ] || echo 1 > $device/remove" >"$tty")
until grep -q "^GUEST $id= 0" /var/log/xen/console/guest-$2.log; do sleep 0.2; done`;

/** Makes the program do this from now on. */
async function letGoDoes(script: string): Promise<void> {
  await writeFile(`${LET_GO}.new`, `#!/bin/sh\ntouch ${BEGUN}\n${script}\n`);
  await chmod(`${LET_GO}.new`, 0o755);
  await succeed('mv', [`${LET_GO}.new`, LET_GO]);
  await rm(BEGUN, { force: true });
}

const telling = (timeoutSeconds: number): string =>
  policy({
    guestUnbind: `{command: [${LET_GO}, "{domid}", "{domain}", "{guestDevice}"], timeoutSeconds: ${timeoutSeconds}}`,
  });

/** What a kernel prints when it is in trouble. */
const TRACE = /^.*(?:cut here|WARNING:|Call Trace|BUG:|Oops|general protection).*$/gm;

/**
 * With Linux 6.1 a PV guest's kernel warns whenever its last device goes, told or not: its whole bus goes then
 * (`sysfs group 'power' not found for kobject '0000:00'`, in pcifront_free_roots). So another device stays meanwhile.
 */
async function withAndWithout(): Promise<void> {
  await letGoDoes(REMOVE);
  const red = await Guest.start({ name: 'red' });
  await writeManifest('policy.yaml', telling(60));
  await writeManifest('red.yaml', assignment('red', { lan: first, wan: second }));
  await Product.start();
  await red.has([NIC_ID, NIC_ID], 300_000);
  const told = await red.console.sinceNow();
  await writeManifest('red.yaml', assignment('red', { wan: second }));
  const { seconds } = await timed(() => becomes('holder', () => holderOf(first), undefined, 300_000));
  note(`from edit to detached, the guest told: ${seconds} s`);
  await red.has([NIC_ID]);
  await red.shell('true');
  assert.match(await told.text(), /^GUEST let-go-\d+= 0/m, 'the guest was told');
  assert.deepEqual((await told.text()).match(TRACE) ?? [], [], 'a guest that was told prints no trace');

  await writeManifest('policy.yaml', policy({ maxDetachesPerPass: '2' }));
  await writeManifest('red.yaml', assignment('red', { lan: first, wan: second }));
  await red.has([NIC_ID, NIC_ID], 300_000);
  const untold = await red.console.sinceNow();
  await writeManifest('red.yaml', assignment('red', { wan: second }));
  await becomes('holder', () => holderOf(first), undefined, 300_000);
  await red.has([NIC_ID]);
  const kernel = await red.shell('uname -r');
  note(`Linux ${kernel}, not told, prints: ${kernelWords(await untold.text())}`);

  const last = await red.console.sinceNow();
  await writeManifest('red.yaml', assignment('red', {}));
  await becomes('holder of the last', () => holderOf(second), undefined, 300_000);
  await red.has([]);
  await red.shell('true');
  note(`Linux ${kernel}, at its last device, prints: ${kernelWords(await last.text())}`);
}

/** What the guest's kernel has said, in one line that fits a table. */
function kernelWords(console: string): string {
  const lines = console.split('\n').filter(line => /^\[ *\d+\.\d+\] /.test(line));
  return lines.length === 0 ? 'nothing' : lines.join(' | ').slice(0, 400);
}

async function failing(): Promise<void> {
  await letGoDoes('echo "the guest says no" >&2; exit 1');
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  await writeManifest('policy.yaml', telling(3));
  await writeManifest('red.yaml', assignment('red', { lan: first }));
  await writeManifest('blue.yaml', assignment('blue', {}));
  await Product.start();
  await red.has([NIC_ID], 300_000);
  const untouched = await red.console.sinceNow();
  await writeManifest('red.yaml', assignment('red', {}));
  await writeManifest('blue.yaml', assignment('blue', { lan: first }));

  await failed('guestUnbind', /failed with exit code 1; it said: the guest says no; \S+ stays with red/);
  const { stdout } = await xenpci(['get', 'assignments', 'blue', '-o', 'yaml', '--manifests', MANIFESTS]);
  assert.match(stdout, /type: Ready\s+status: "False"\s+reason: StepFailed\s+message: .*the guest says no/);
  assert.match(
    (await xenpci(['describe', 'device', first, '--manifests', MANIFESTS])).stdout,
    /Failed: +guestUnbind \(.*the guest says no/,
  );
  assert.equal(await holderOf(first), await red.id());

  await letGoDoes('sleep 4711 & sleep 4711');
  await failed('the deadline', /guestUnbind .* did not end within 3 s and was ended/);
  assert.equal((await run('pgrep', ['-f', 'sleep 4711'])).code, 1, 'nothing of it is left');
  await red.has([NIC_ID]);
  assert.equal(await holderOf(first), await red.id());
  assert.deepEqual((await untouched.text()).match(/^GUEST pci:.*$/gm) ?? [], [], 'the guest keeps it all the time');

  await writeManifest('policy.yaml', telling(60));
  await letGoDoes(REMOVE);
  await blue.has([NIC_ID], 400_000);
  await red.has([]);
}

function failed(what: string, words: RegExp): Promise<LogLine> {
  return loggedLine(what, ({ event, message }) => event === 'StepFailed' && words.test(message), { ms: 300_000 });
}

async function manyAtOnce(): Promise<void> {
  const kernel = await KernelLog.sinceNow();
  await xl('pci-assignable-add', orphan);
  await letGoDoes(REMOVE);
  const red = await Guest.start({ name: 'red' });
  await writeManifest('policy.yaml', telling(60));
  const all = { lan: first, wan: second, data: disk };
  await writeManifest('red.yaml', assignment('red', all, { deletionPolicy: 'Host' }));
  await Product.start('--resync', '3');
  await red.has([NIC_ID, NIC_ID, DISK_ID], 300_000);
  await red.shell('until [ -e /dev/nvme0n1 ]; do usleep 200000; done; head -n 1 /dev/nvme0n1', 120_000);
  const { stdout: devices } = await xenpci(['get', 'devices', '--manifests', MANIFESTS]);
  assert.match(devices, new RegExp(`^${orphan} +assignable +pciback .*Orphan`, 'm'));

  const id = await red.id();
  const holders = (): Promise<unknown[]> => Promise.all([first, second, disk].map(holderOf));
  await writeManifest('red.yaml', assignment('red', {}, { deletionPolicy: 'Host' }));
  await loggedLine(
    'that they wait',
    line => line.event === 'WaitBegan' && /NeedsApproval: 3 devices/.test(line.message),
  );
  const unasked = await xenpci(['approve', '--manifests', MANIFESTS]);
  assert.deepEqual([unasked.code, unasked.stdout.match(/ red /g)?.length], [2, 3], unasked.stdout + unasked.stderr);
  await stays('holders while nobody approves', holders, [id, id, id], 15_000);
  assert.deepEqual(
    (await logLines()).filter(({ event, step }) => event === 'StepStarted' && step?.startsWith('detach')),
    [],
  );
  assert.equal((await red.hostdevs('stored')).length, 3, 'the stored definition keeps them as long');

  const approved = await xenpci(['approve', '--yes', '--manifests', MANIFESTS]);
  assert.equal(approved.code, 0, approved.stderr);
  await becomes('holders after approval', holders, [undefined, undefined, undefined], 400_000);
  for (const [address, driver] of [
    [first, 'e1000e'],
    [second, 'e1000e'],
    [disk, 'nvme'],
  ] as const) {
    await becomes(`driver of ${address}`, () => driverOf(address), driver, 120_000);
    assert.equal((await readFile(`/sys/bus/pci/devices/${address}/driver_override`, 'utf8')).trim(), '(null)');
  }
  assert.equal(await readDisk(disk), 'xenpci-lab NVME2');
  await red.has([]);
  assert.deepEqual(await red.hostdevs('stored'), []);
  await kernel.showsNoFault();

  assert.equal(await driverOf(orphan), 'pciback', 'nobody has touched the orphan');
  assert.deepEqual(
    (await logLines()).filter(({ device }) => device === orphan),
    [],
  );
  assert.match((await xenpci(['describe', 'device', orphan, '--manifests', MANIFESTS])).stdout, /Orphan/);
}

async function dyingGuests(): Promise<void> {
  await letGoDoes('sleep 600');
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  await writeManifest('policy.yaml', telling(60));
  await writeManifest('red.yaml', assignment('red', { lan: first, wan: second }));
  await writeManifest('blue.yaml', assignment('blue', {}));
  await Product.start();
  await red.has([NIC_ID, NIC_ID], 300_000);

  // While it is being told.
  await writeManifest('red.yaml', assignment('red', { wan: second }));
  await writeManifest('blue.yaml', assignment('blue', { lan: first }));
  await until('the program runs', async () => existsSync(BEGUN) || undefined, 120_000);
  await red.destroy();
  const { seconds } = await timed(() => blue.has([NIC_ID], 300_000));
  note(`from the end of the guest that was being told to bound in the next: ${seconds} s`);
  await becomes('driver of its other device', () => driverOf(second), 'pciback', 60_000);
  assert.equal(await holderOf(second), undefined);

  // While libxl waits for it: programs that leave it no time keep it from answering until it is paused.
  await red.start();
  await red.has([NIC_ID], 300_000);
  await letGoDoes('true');
  await red.shell('for n in 1 2 3 4 5 6 7 8; do nice -n -20 sh -c "while :; do :; done" > /dev/null 2>&1 & done');
  await writeManifest('red.yaml', assignment('red', {}));
  await writeManifest('blue.yaml', assignment('blue', { lan: first, wan: second }));
  const domid = await red.id();
  await until(
    'libxl takes it',
    async () => {
      const { stdout } = await run('xenstore-read', [`/local/domain/0/backend/pci/${domid}/0/state`]);
      return stdout.trim() === '7' || undefined;
    },
    120_000,
  );
  await xl('pause', String(domid));
  assert.equal(await holderOf(second), domid, 'it has not let go');
  await xl('destroy', String(domid));
  await blue.has([NIC_ID, NIC_ID], 400_000);
  assert.equal(await holderOf(second), await blue.id());
  note(
    `log: ${(await logLines())
      .filter(({ event }) => event === 'StepFailed')
      .map(({ message }) => message)
      .join(' | ')
      .slice(0, 900)}`,
  );
}

const HV_DISK = '/tmp/hv.img';
/** An HVM guest without a system: nobody in it answers when its device model is asked to take a device away. */
const HVM = `name="hv"
type="hvm"
memory=96
passthrough="enabled"
vga="none"
disk=["format=raw,vdev=hda,access=rw,backendtype=qdisk,target=${HV_DISK}"]
on_crash="destroy"
`;

/** A disk whose boot sector waits for ever (sti; hlt; jmp back): with none the firmware restarts the guest after a minute. */
function waitingDisk(): Buffer {
  const disk = Buffer.alloc(1 << 20);
  disk.set([0xfb, 0xf4, 0xeb, 0xfc]);
  disk.set([0x55, 0xaa], 510);
  return disk;
}

async function byForce(): Promise<void> {
  await writeFile(HV_DISK, waitingDisk());
  await writeFile('/tmp/hv.cfg', HVM);
  await xl('create', '/tmp/hv.cfg');
  const told = '/tmp/let-go-told';
  await rm(told, { force: true });
  await letGoDoes(`echo "$3" >>${told}`);
  const unbind = `{command: [${LET_GO}, "{domid}", "{domain}", "{guestDevice}"]}`;
  await writeManifest('policy.yaml', policy({ guestUnbind: unbind, forceDetach: 'true' }));
  await writeManifest('hv.yaml', assignment('hv', { data: disk }, { deletionPolicy: 'Host' }));
  await Product.start();
  await loggedLine('that hv has the disk', ({ event }) => event === 'Ready', { ms: 300_000 });
  assert.equal(await holderOf(disk), Number((await xl('domid', 'hv')).trim()));
  const seenAt = /^(\S+) 0000:02:00\.0$/m.exec(await xl('pci-list', 'hv'))?.[1];

  const kernel = await KernelLog.sinceNow();
  await writeManifest('hv.yaml', assignment('hv', {}, { deletionPolicy: 'Host' }));
  await becomes('driver of the disk', () => driverOf(disk), 'nvme', 400_000);
  const begun = (await logLines()).filter(({ event, step }) => event === 'StepStarted' && step === `detach ${disk}`);
  const ordinary = `detach ${disk} from hv (after guestUnbind, through xl)`;
  const forced = `detach ${disk} from hv (after guestUnbind, by force, through xl)`;
  assert.deepEqual(
    begun.map(({ message }) => message),
    [ordinary, ordinary, ordinary, forced],
  );
  await failed('that QEMU has not answered', /timed out waiting for DM to remove pci-pt-02_00\.0/);
  assert.equal(await readFile(told, 'utf8'), `0000:00:${seenAt}\n`.repeat(4), 'where the guest sees it, as xl says');
  assert.equal(await readDisk(disk), 'xenpci-lab NVME2');
  await kernel.showsNoFault();
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('a guest that is told lets go in silence, while it has another device', withAndWithout, 900_000),
  test('a guestUnbind that fails or hangs: the device stays, and both are told', failing, 900_000),
  test(
    'three devices at once wait for xenpci approve, then all go back and work; an orphan is shown and left alone',
    manyAtOnce,
    900_000,
  ),
  test(
    'an HVM guest that does not let go: told each time, by force at the fourth, and dom0 reads the disk',
    byForce,
    600_000,
  ),
  test('a guest that ends in the middle of a detach: its devices go where they belong', dyingGuests, 900_000),
];
