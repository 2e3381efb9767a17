/** A host that was managed by hand: its guests' devices are written down, and hidden from dom0 at its next boot. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { becomes, stays } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS, probe } from '../dom0/devices.ts';
import { succeed, xl } from '../dom0/exec.ts';
import { Guest, virshDevice } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, removeProduct, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { holderOf } from '../dom0/xenstore.ts';

const [nic, second] = NICS;
const MODPROBE = '/etc/modprobe.d/xenpci.conf';

async function exported(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const green = await Guest.start({ name: 'green', by: 'xl' });
  await xl('pci-assignable-add', nic);
  await xl('pci-assignable-add', second);
  await virshDevice('attach', 'red', nic, '--live', '--config');
  await xl('pci-attach', 'green', second);
  await red.has([NIC_ID]);
  await green.has([NIC_ID]);
  const holders = (): Promise<unknown[]> => Promise.all([holderOf(nic), holderOf(second)]);
  const before = await holders();

  const { code, stdout, stderr } = await xenpci(['export', '--manifests', MANIFESTS]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /path: 00_11\.0\/00_00\.0\n +identity: .*vendor: "8086"/);
  await writeManifest('all.yaml', stdout);
  const plan = await xenpci(['plan', '--manifests', MANIFESTS]);
  note(`plan under what was exported: exit code ${plan.code}`);
  assert.doesNotMatch(plan.stdout, /\d\. (?:bind|attach|detach|release|rebind) /);

  await Product.start('--resync', '5');
  for (const name of ['red', 'green']) {
    await loggedLine(`that ${name} is ready`, ({ event, message }) => event === 'Ready' && message.startsWith(name));
  }
  await stays('holders', holders, before, 12_000);
  assert.deepEqual(
    (await stepsBegun()).filter(step => !step.startsWith('configure')),
    [],
    'nothing is moved',
  );
}

async function hidden(): Promise<void> {
  await writeManifest('red.yaml', assignment('red', { lan: nic }));
  const red = await Guest.define({ name: 'red' });
  try {
    const before = await xenpci(['boot-hide', '--manifests', MANIFESTS]);
    assert.equal(before.code, 1, before.stdout + before.stderr);
    const { stdout } = await xenpci(['boot-hide', '-o', 'modprobe', '--manifests', MANIFESTS]);
    assert.equal(stdout, `options xen-pciback hide=(${nic})\nsoftdep e1000e pre: xen-pciback\n`);
    await mkdir('/etc/modprobe.d', { recursive: true });
    await writeFile(MODPROBE, stdout);

    // As at a boot, where pciback comes before the driver of the card.
    await writeFile(`/sys/bus/pci/devices/${nic}/driver/unbind`, nic);
    await reloadPciback();
    await becomes('driver', () => driverOf(nic), 'pciback', 10_000);
    assert.equal(await driverOf(second), 'e1000e', 'the others are left to dom0');
    const after = await xenpci(['boot-hide', '--manifests', MANIFESTS]);
    assert.equal(after.code, 0, after.stdout + after.stderr);

    await red.start();
    await Product.start('--resync', '5');
    await red.has([NIC_ID], 300_000);
    assert.deepEqual(
      (await stepsBegun()).filter(step => step.startsWith('bind')),
      [],
      'there is nothing left to bind',
    );
    await removeProduct();
    await red.destroy();
  } finally {
    await rm(MODPROBE, { force: true });
    await reloadPciback();
    if ((await driverOf(nic)) === undefined) await probe(nic);
  }
}

async function reloadPciback(): Promise<void> {
  await succeed('modprobe', ['-r', 'xen-pciback']);
  await succeed('modprobe', ['xen-pciback']);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('what guests have is exported, and under it nothing is moved', exported, 600_000),
  test('pciback that is loaded as boot-hide says has the assigned card, and no other', hidden, 600_000),
];
