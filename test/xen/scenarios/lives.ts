/** What can happen to a domain besides start and stop: crash, pause, save, another name, no definition, another toolstack. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { becomes, stays, until } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { run, virsh, xl } from '../dom0/exec.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { KernelLog } from '../dom0/kernel-log.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, logLines, stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic, second] = NICS;

/** A crashed guest that is kept keeps its device; one that is restarted has it again; one that is destroyed lets it go. */
async function crashed(): Promise<void> {
  const kernel = await KernelLog.sinceNow();
  const red = await Guest.start({ name: 'red', onCrash: 'preserve' });
  const blue = await Guest.start({ name: 'blue', onCrash: 'restart' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  await writeManifest('blue.yaml', assignment('blue', { lan: second }));
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await blue.has([NIC_ID], 300_000);
  await becomes('stored devices of blue', () => addresses(blue), [second], 60_000);

  const steps = await stepsBegun();
  const id = await red.id();
  await red.crash();
  await becomesDescribed('red', /crashed/);
  await writeManifest('red.yaml', assignment('red', {}));
  await waits('DomainCrashed');
  await stays('holder of the card of a kept guest', () => holderOf(nic), id, 15_000);
  const moved = (await stepsBegun()).slice(steps.length).filter(step => !step.startsWith('configure'));
  assert.deepEqual(moved, [], 'no device is moved while it is kept');
  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  await red.destroy();
  await becomes('holder', () => holderOf(nic), undefined, 60_000);
  await startsWithItsCard(red);

  const before = await blue.id();
  const console = await blue.console.sinceNow();
  await blue.crash();
  await console.waitFor(new RegExp(`^GUEST pci:\\[\\S+=${NIC_ID}:bound\\]`, 'm'), 300_000);
  assert.notEqual(await blue.id(), before, 'another instance');
  assert.equal(await holderOf(second), await blue.id());
  await kernel.showsNoFault();
}

/** Nothing is given to a paused guest, and nothing is taken; a saved one is a stopped one, and comes back with its device. */
async function pausedAndSaved(): Promise<void> {
  const red = await leftAloneWhile(['suspend', 'red'], /is paused; resume it/, ['resume', 'red']);
  await becomes('stored devices', () => addresses(red), [second], 60_000);

  await virsh('managedsave', 'red');
  await becomes('holder while it is saved', () => holderOf(second), undefined, 60_000);
  await stays('driver while it is saved', () => driverOf(second), 'pciback', 10_000);
  assert.doesNotMatch(await described('red'), /Diverged|Failed/);
  const restored = await run('virsh', ['-q', 'start', 'red'], 180_000);
  note(`start of a guest that was saved with a device: ${restored.code === 0 ? 'works' : restored.stderr.trim()}`);
  if (restored.code !== 0) {
    await virsh('managedsave-remove', 'red');
    await red.start();
  }
  await becomes('holder after the restore', () => holderOf(second), await red.id(), 120_000);
  assert.match(await described('red'), /^ *Ready True/m);
}

/** A guest that sleeps can let go of nothing, either. */
async function asleep(): Promise<void> {
  await leftAloneWhile(['dompmsuspend', 'red', 'mem'], /is asleep; wake it/, ['dompmwakeup', 'red']);
}

/**
 * A guest with a card that is to have another one instead: while it does not run neither is moved, and as soon as it goes
 * on both are.
 * @param halt what virsh is told so that it does not run, and `goOn` so that it does.
 * @param told what `describe` says meanwhile.
 */
async function leftAloneWhile(halt: readonly string[], told: RegExp, goOn: readonly string[]): Promise<Guest> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await ready();

  await virsh(...halt);
  const steps = await stepsBegun();
  await writeManifest('red.yaml', assignment('red', { wan: second }));
  await waits('DomainPaused');
  assert.match(await described('red'), told);
  await becomes('driver of the one that waits', () => driverOf(second), 'pciback', 120_000);
  await stays('holders', () => Promise.all([holderOf(nic), holderOf(second)]), [await red.id(), undefined], 15_000);
  const moves = (await stepsBegun()).slice(steps.length).filter(step => /^(attach|detach)/.test(step));
  assert.deepEqual(moves, [], 'a guest that does not run is left alone');
  await virsh(...goOn);
  await becomes('holders', () => Promise.all([holderOf(nic), holderOf(second)]), [undefined, await red.id()], 300_000);
  await red.has([NIC_ID], 300_000);
  return red;
}

/** Another name is another domain for whoever wrote the old one: nothing moves until the manifest says the new one. */
async function renamed(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await ready();
  await becomes('stored devices', () => addresses(red), [nic], 60_000);

  // xl gives a running domain another name that libvirt does not hear of.
  const steps = await stepsBegun();
  await xl('rename', 'red', 'rose');
  const id = Number((await xl('domid', 'rose')).trim());
  await stays('holder while xl calls it otherwise', () => holderOf(nic), id, 15_000);
  assert.deepEqual(await stepsBegun(), steps, 'no step for a name');
  await xl('rename', 'rose', 'red');

  // libvirt's Xen driver has no rename: whoever wants one defines it anew, with its uuid.
  await red.destroy();
  const pink = (await red.xml('stored')).replace('<name>red</name>', '<name>pink</name>');
  await virsh('undefine', 'red');
  await writeFile('/tmp/pink.xml', pink);
  await virsh('define', '/tmp/pink.xml');
  const stored = (): Promise<string> => virsh('dumpxml', 'pink', '--inactive');
  await waits('DomainNotFound');
  assert.match(await described('red'), /red is called pink now/);
  await stays('the card in the stored definition', async () => /ua-xenpci-/.test(await stored()), true, 15_000);
  assert.equal(await driverOf(nic), 'pciback');
  await virsh('start', 'pink');
  await becomes('holder', async () => String(await holderOf(nic)), (await xl('domid', 'pink')).trim(), 60_000);

  const known = await stepsBegun();
  await writeManifest('red.yaml', assignment('red', { lan: nic }, { domain: 'pink' }));
  await becomesDescribed('red', /^ *Ready True/m);
  assert.deepEqual((await stepsBegun()).slice(known.length), [], 'the new name costs no step');
}

/** A domain whose definition goes keeps its devices as long as it runs; one without a definition gets them all the same. */
async function withoutDefinition(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await writeManifest('red.yaml', assignment('red', { lan: nic }, { whenStopped: 'Host' }));
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await ready();

  const steps = await stepsBegun();
  const transient = await red.xml('stored');
  await virsh('undefine', 'red');
  await stays('holder when it is undefined', () => holderOf(nic), await red.id(), 15_000);
  assert.deepEqual(await stepsBegun(), steps, 'no step when it is undefined');
  assert.match(await described('red'), /^ *Ready True/m);
  await virsh('destroy', 'red');
  await becomes('driver when it is gone', () => driverOf(nic), 'e1000e', 180_000);
  await waits('DomainNotFound');

  await writeFile(
    '/tmp/transient.xml',
    transient.replace(/<uuid>.*?<\/uuid>/, '').replace(/<hostdev .*?<\/hostdev>/gs, ''),
  );
  const console = await red.console.sinceNow();
  await virsh('create', '/tmp/transient.xml');
  await console.waitFor(new RegExp(`^GUEST pci:\\[\\S+=${NIC_ID}:bound\\]`, 'm'), 400_000);
  assert.equal((await virsh('dominfo', 'red')).match(/^Persistent: +(\w+)/m)?.[1], 'no');
  await becomesDescribed('red', /^ *Ready True/m);
  await writeManifest('red.yaml', assignment('red', {}, { whenStopped: 'Host' }));
  await becomes('holder when its entry goes', () => holderOf(nic), undefined, 180_000);
  await red.has([]);
}

/** A domain that only xl knows gets its devices from xl, and gives them back to it. */
async function madeByXl(): Promise<void> {
  const kernel = await KernelLog.sinceNow();
  const green = await Guest.start({ name: 'green', by: 'xl' });
  await writeManifest('green.yaml', assignment('green', { lan: nic, wan: second }, { deletionPolicy: 'Host' }));
  await Product.start('--resync', '5');
  await green.has([NIC_ID, NIC_ID], 300_000);
  await ready();
  await writeManifest('green.yaml', assignment('green', { lan: nic }, { deletionPolicy: 'Host' }));
  await becomes('driver of the one that it lost', () => driverOf(second), 'e1000e', 180_000);
  await green.has([NIC_ID]);

  await green.destroy();
  await becomes('holder after its end', () => holderOf(nic), undefined, 60_000);
  await stays('driver after its end', () => driverOf(nic), 'pciback', 10_000);
  await green.start();
  await green.has([NIC_ID], 300_000);
  assert.deepEqual(
    (await logLines()).filter(({ event }) => event === 'StepFailed'),
    [],
  );
  await kernel.showsNoFault();
}

async function addresses(guest: Guest): Promise<readonly string[]> {
  return (await guest.hostdevs('stored')).map(({ address }) => address);
}

async function startsWithItsCard(guest: Guest): Promise<void> {
  await guest.start();
  const [first] = deviceLists(await guest.console.text());
  assert.ok(first?.includes(NIC_ID), `from the first instant: ${first}`);
  await guest.has([NIC_ID]);
}

async function described(name: string): Promise<string> {
  const { code, stdout, stderr } = await xenpci(['describe', 'assignment', name, '--manifests', MANIFESTS]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Waits until `xenpci describe` says so; a look may fail meanwhile, as while libvirtd is busy with the end of a guest. */
async function becomesDescribed(name: string, words: RegExp): Promise<void> {
  const look = async (): Promise<true | undefined> => {
    const { stdout } = await xenpci(['describe', 'assignment', name, '--manifests', MANIFESTS]);
    return words.test(stdout) || undefined;
  };
  await until(`${name} is described as ${words}`, look, 180_000);
}

async function waits(reason: string): Promise<void> {
  await loggedLine(`that something waits: ${reason}`, ({ message }) => message.includes(`${reason}: `), {
    ms: 180_000,
  });
}

async function ready(): Promise<void> {
  await loggedLine('that it is ready', ({ event }) => event === 'Ready');
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('a crashed guest that is kept keeps its card, and one that restarts has it again', crashed, 900_000),
  test('a paused guest is left alone, and a saved one comes back with its card', pausedAndSaved, 900_000),
  test('a guest that sleeps is left alone until it is awake', asleep, 900_000),
  test('a domain under another name keeps its card, and the manifest follows without a step', renamed, 900_000),
  test('an undefined domain keeps its card until it ends, and a transient one gets it', withoutDefinition, 900_000),
  test(
    'a domain of xl gets its cards through xl, loses one, and has the other again after a restart',
    madeByXl,
    900_000,
  ),
];
