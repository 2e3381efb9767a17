/** A dom0 as people run it: systemd, Debian's own units, and xenpci from its package. From nothing to a card in a guest, and back. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { becomes, stays, until } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { type Output, run, succeed, virsh } from '../dom0/exec.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { libvirtdAnswers } from '../dom0/libvirtd.ts';
import { assignment } from '../dom0/manifest.ts';
import { orderlyReboot, powerCut, type Stage } from '../dom0/stages.ts';
import { note } from '../dom0/test.ts';
import { holderOf, pciBackends } from '../dom0/xenstore.ts';

const [nic, other] = NICS;
const PACKAGE = '/share/xenpci.deb';
const MANIFEST = '/etc/xenpci/manifests/red.yaml';
/** ms a program of the product may take in a dom0 that has just booted. */
const SLOW = 180_000;

const red = { name: 'red' } as const;

async function installed(): Promise<void> {
  // Debian's way of installing into a folder without starting anything there.
  await rm('/usr/sbin/policy-rc.d', { force: true });
  assert.equal((await run('systemctl', ['is-active', 'xenpci'])).stdout.trim(), 'inactive', 'before the package');
  await succeed('dpkg', ['-i', PACKAGE], 300_000);
  await isActive();
  assert.equal((await succeed('systemctl', ['is-enabled', 'xenpci'])).trim(), 'enabled');
  assert.match(await succeed('id', ['-Gn', 'root']), /root/);
  assert.match(await succeed('getent', ['group', 'xenpci']), /^xenpci:/);

  // Nothing orders Debian's libvirtd after xenstored: in a slow dom0 it may have found no Xen. doctor has to know that.
  const fresh = await xenpci('doctor');
  if (/^failure +libvirt .*before Xen's daemons/m.test(fresh.stdout)) {
    note('libvirtd was started before Xen; restarted, as doctor says');
    await restartedLibvirtd();
  }
  const first = await xenpci('doctor');
  note(`doctor after the installation: ${first.stdout.trim().split('\n').at(-1)}`);
  for (const name of ['xen', 'iommu', 'pciback', 'xenstore', 'libvirt'])
    assert.match(first.stdout, checkIs(name, 'ok'));
  assert.match(first.stdout, checkIs('hook', 'warning'), 'libvirtd has not been restarted');
  assert.match(first.stdout, /systemctl restart libvirtd/);
  assert.equal(await driverOf(nic), 'e1000e', 'without a manifest nothing is touched');

  await restartedLibvirtd();
  await Guest.start(red);
  const second = await xenpci('doctor');
  assert.match(second.stdout, checkIs('hook', 'ok'), 'after what doctor said to do');
  const exposure = await succeed('systemd-analyze', ['security', '--no-pager', 'xenpci.service']);
  note(exposure.trim().split('\n').at(-1) ?? '');
}

async function restartedLibvirtd(): Promise<void> {
  await succeed('systemctl', ['restart', 'libvirtd'], SLOW);
  await libvirtdAnswers();
}

async function managed(): Promise<void> {
  const guest = Guest.running(red);
  await writeFile(MANIFEST, assignment('red', { lan: nic }));
  await guest.has([NIC_ID], 300_000);
  assert.equal(await holderOf(nic), await guest.id());
  await isReady();
  await becomes(
    'stored devices',
    async () => (await guest.hostdevs('stored')).map(({ address }) => address),
    [nic],
    SLOW,
  );
  const journal = await succeed('journalctl', ['-u', 'xenpci', '-o', 'json', '--no-pager']);
  assert.match(journal, /StepPerformed/);
  await virsh('autostart', 'red');
  // libvirt's script would save guests to disk when dom0 goes down; here they are to boot with their cards.
  await writeFile('/etc/default/libvirt-guests', 'ON_BOOT=ignore\nON_SHUTDOWN=shutdown\nSHUTDOWN_TIMEOUT=20\n');
}

async function rebooted(): Promise<void> {
  note(`dom0 came back after ${(await readFile('/proc/uptime', 'utf8')).split('.')[0]} s`);
  await isActive();
  await becomes('red', async () => (await run('virsh', ['-q', 'domstate', 'red'])).stdout.trim(), 'running', SLOW);
  const guest = Guest.running(red);
  await guest.has([NIC_ID], 300_000);
  await isReady();
  assert.match((await xenpci('doctor')).stdout, checkIs('hook', 'ok'), 'libvirtd has called the hook');
  const moves = (await steps()).map(({ action }) => action).filter(action => action !== 'Configure');
  assert.deepEqual(moves, ['Bind', 'Attach'], 'those before the reboot, and none on the way down or up');
}

/** The power goes while the second card is on its way into the guest: bound, and not yet there. */
async function cutInMiddleOfAttach(): Promise<void> {
  await writeFile(MANIFEST, assignment('red', { lan: nic, wan: other }));
  await succeed('sync', ['-f', MANIFEST]);
  const { entries } = await until(
    'libxl gives red the second card',
    async () => (await pciBackends()).find(backend => backend.entries.length === 2),
    SLOW,
  );
  note(`the power is cut with ${entries.map(({ address, state }) => `${address} in state ${state}`).join(', ')}`);
  powerCut();
}

async function cut(): Promise<void> {
  await isActive();
  await becomes('red', async () => (await run('virsh', ['-q', 'domstate', 'red'])).stdout.trim(), 'running', SLOW);
  const guest = Guest.running(red);
  await guest.has([NIC_ID, NIC_ID], 400_000);
  await isReady();
  for (const address of [nic, other]) assert.equal(await holderOf(address), await guest.id());
  const log = await succeed('journalctl', ['-b', '-u', 'xenpci', '--no-pager']);
  assert.doesNotMatch(log, /RecordFailed|unreadable/);
  const last = (await steps()).slice(-4).map(step => `${step.reason} ${step.note}`);
  note(`the last steps: ${last.join(' | ')}`);
}

async function upgraded(): Promise<void> {
  const guest = Guest.running(red);
  const [id, before] = [await guest.id(), await steps()];
  const console = await guest.console.sinceNow();
  await succeed('dpkg-deb', ['-R', PACKAGE, '/var/tmp/newer'], 300_000);
  const control = await readFile('/var/tmp/newer/DEBIAN/control', 'utf8');
  await writeFile('/var/tmp/newer/DEBIAN/control', control.replace(/^Version: .*$/m, 'Version: 999.0'));
  await succeed('dpkg-deb', ['-Znone', '--root-owner-group', '-b', '/var/tmp/newer', '/var/tmp/newer.deb'], 300_000);
  await succeed('dpkg', ['-i', '/var/tmp/newer.deb'], 300_000);
  assert.match(await succeed('dpkg', ['-s', await packageName()]), /^Version: 999\.0$/m);
  await isActive();
  await isReady();
  assert.equal(await guest.id(), id, 'the same instance');
  assert.equal(await holderOf(nic), id);
  assert.deepEqual(deviceLists(await console.text()), [], 'the guest has noticed nothing');
  assert.deepEqual(await steps(), before, 'no step');
}

async function removed(): Promise<void> {
  const guest = Guest.running(red);
  const id = await guest.id();
  await succeed('dpkg', ['-r', await packageName()], 300_000);
  assert.ok(!existsSync('/usr/bin/xenpci'), 'the program is gone');
  assert.ok(existsSync(MANIFEST), 'what people wrote is not');
  assert.notEqual((await run('systemctl', ['is-active', 'xenpci'])).stdout.trim(), 'active');
  await stays('holder', () => holderOf(nic), id, 15_000);
  await guest.has([NIC_ID, NIC_ID]);
  await guest.destroy();
  await guest.start();
  await guest.has([NIC_ID, NIC_ID], 300_000);
  await succeed('dpkg', ['-P', await packageName()], 300_000);
  assert.ok(existsSync(MANIFEST), 'nor are they after a purge');
  assert.equal(await holderOf(nic), await guest.id());
}

function xenpci(...args: readonly string[]): Promise<Output> {
  return run('xenpci', args, SLOW);
}

async function packageName(): Promise<string> {
  return (await succeed('dpkg-deb', ['-f', PACKAGE, 'Package'])).trim();
}

async function isActive(): Promise<void> {
  const state = async (): Promise<string> => (await run('systemctl', ['is-active', 'xenpci'])).stdout.trim();
  await becomes('xenpci.service', state, 'active', SLOW);
}

async function isReady(): Promise<void> {
  const { code, stdout, stderr } = await xenpci(
    'wait',
    'assignment/red',
    '--for',
    'condition=Ready',
    '--timeout',
    '150',
  );
  assert.equal(code, 0, stdout + stderr);
}

/** What `xenpci events` shows of the steps on the host, by all controllers that there have been. */
async function steps(): Promise<readonly Happening[]> {
  const { code, stdout, stderr } = await xenpci('events', '-o', 'json');
  assert.equal(code, 0, stderr);
  const { items } = JSON.parse(stdout) as { readonly items: readonly Happening[] };
  return items
    .filter(({ reason }) => reason === 'StepPerformed' || reason === 'StepFailed')
    .map(({ time, reason, action, note }) => ({ time, reason, action, note }));
}

interface Happening {
  readonly time: string;
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

function checkIs(name: string, result: string): RegExp {
  return new RegExp(`^${result} +${name}\\b`, 'm');
}

/** What `npm run test:xen -- --installed` plays. */
export const stages: readonly Stage[] = [
  {
    name: 'the package installs on a fresh dom0, and doctor says what is left to do',
    deadline: 900_000,
    body: installed,
  },
  { name: 'a manifest brings a card into a guest', deadline: 600_000, body: managed },
  {
    name: 'after a reboot the guest starts with its card',
    deadline: 900_000,
    afterReboot: orderlyReboot,
    body: rebooted,
  },
  { name: 'an upgrade while the guest runs changes nothing', deadline: 600_000, body: upgraded },
  {
    name: 'after a power cut in the middle of an attach the guest has both cards',
    deadline: 900_000,
    afterReboot: cutInMiddleOfAttach,
    body: cut,
  },
  { name: 'removing the package detaches nothing', deadline: 600_000, body: removed },
];
