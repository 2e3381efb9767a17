/** Which card is meant: bus numbers that move, another card in the slot, and hosts that a manifest is not for. */
import assert from 'node:assert/strict';
import { cardOn, pathBehind, swapBuses } from '../dom0/bus-numbers.ts';
import { becomes, stays } from '../dom0/deadline.ts';
import { DISK_ID, driverOf, NIC_ID, NICS, readDisk } from '../dom0/devices.ts';
import { xl } from '../dom0/exec.ts';
import { Guest } from '../dom0/guest.ts';
import { MANIFESTS, Product, productLog, removeProduct, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, logLines, stepsBegun } from '../dom0/product-log.ts';
import { note, type Test, test } from '../dom0/test.ts';
import { entriesOf, holderOf } from '../dom0/xenstore.ts';

const [nic] = NICS;
const NIC_IDENTITY = '{vendor: "8086", device: "10d3", class: "0200"}';
const DISK_IDENTITY = '{vendor: "1b36", device: "0010", class: "0108"}';

/** A manifest with one entry. @param locator such as `address: 0000:01:00.0`. @param more lines of the spec. */
function manifest(name: string, locator: string, identity: string, more = ''): string {
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: ${name}}
spec:
  domain: ${name}
${more}  devices:
    - name: card
      ${locator}
      identity: ${identity}
`;
}

function refused(about: string): (line: { readonly message: string }) => boolean {
  return ({ message }) => message.includes(about) && message.includes('IdentityMismatch');
}

/** The first card and the first disk change their bus numbers: the manifests were written before that. */
async function busNumbersMove(): Promise<void> {
  const [red, blue] = [await Guest.start({ name: 'red' }), await Guest.start({ name: 'blue' })];
  await swapBuses([1, 2], [1, 2], ['e1000e', 'nvme']);
  const [disk, card] = [cardOn(1), cardOn(2)];
  try {
    assert.equal(await readDisk(disk), 'xenpci-lab NVME2', 'dom0 uses the disk under its new number');
    await writeManifest('red.yaml', manifest('red', `path: ${pathBehind(1)}`, NIC_IDENTITY));
    await writeManifest('blue.yaml', manifest('blue', `address: ${nic}`, NIC_IDENTITY));
    await Product.start('--resync', '5');

    await red.has([NIC_ID], 300_000);
    assert.equal(await holderOf(card), await red.id(), 'the path finds the card under its new number');
    const line = await loggedLine('that the other one is refused', refused(disk));
    note(line.message);
    assert.match(line.message, /vendor is 1b36, not 8086, device is 0010, not 10d3, class is 0108, not 0200/);
    await stays('driver of the disk', () => driverOf(disk), 'nvme', 15_000);
    await blue.has([]);
    assert.deepEqual(
      (await stepsBegun()).filter(step => step.includes(disk) || step === 'configure blue'),
      [],
      'nothing is done about the disk',
    );
    assert.equal(await readDisk(disk), 'xenpci-lab NVME2', 'dom0 goes on using the disk');

    // Accepted by editing the file, and in no other way.
    await writeManifest('blue.yaml', manifest('blue', `address: ${nic}`, DISK_IDENTITY));
    await blue.has([DISK_ID], 300_000);
  } finally {
    await removeProduct();
    for (const guest of [red, blue]) await guest.destroy();
    for (const address of [disk, card]) {
      await becomes('holder', () => holderOf(address), undefined, 60_000);
      if ((await driverOf(address)) === 'pciback') await xl('pci-assignable-remove', '-r', address);
    }
    await swapBuses([1, 2], [2, 1], ['nvme', 'e1000e']);
  }
  assert.equal(await readDisk(cardOn(2)), 'xenpci-lab NVME2');
}

/** Also in a guest already: what is there is not taken away because the file says another thing. */
async function anotherCard(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  const blue = await Guest.start({ name: 'blue' });
  const wrong = NIC_IDENTITY.replace('10d3', '10d4');
  // dom0 is called dom0 by the kernel and vm in /etc/hostname.
  await writeManifest('red.yaml', manifest('red', `address: ${nic}`, wrong, '  hosts: [vm]\n'));
  await writeManifest(
    'blue.yaml',
    manifest('blue', `address: ${nic}`, NIC_IDENTITY, '  hosts: [dom0-b, "*.example.org"]\n'),
  );
  await Product.start('--resync', '5');
  await loggedLine('IdentityMismatch', refused(nic));
  await stays('driver of the card', () => driverOf(nic), 'e1000e', 12_000);
  assert.deepEqual(await stepsBegun(), []);
  const plan = await xenpci(['plan', '--manifests', MANIFESTS]);
  assert.match(plan.stdout, /refused: +IdentityMismatch: .*device is 10d3, not 10d4; edit identity to accept it/);
  assert.match(plan.stdout, /1 more object is for other hosts than dom0\./);
  assert.equal(plan.code, 0);

  await writeManifest('red.yaml', manifest('red', `address: ${nic}`, NIC_IDENTITY, '  hosts: ["d?m0"]\n'));
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event, message }) => event === 'Ready' && message.startsWith('red'));
  const before = await entriesOf(await red.id());
  const steps = await stepsBegun();
  const known = (await logLines()).length;
  await writeManifest('red.yaml', manifest('red', `address: ${nic}`, wrong));
  await loggedLine('IdentityMismatch again', refused(nic), { from: known });
  await stays('holder of the card', () => holderOf(nic), await red.id(), 12_000);
  assert.deepEqual(await entriesOf(await red.id()), before);
  const later = (await stepsBegun()).slice(steps.length);
  note(`steps after the identity no longer fits: ${later.join(', ') || 'none'}`);
  assert.deepEqual(
    later.filter(step => !step.startsWith('configure')),
    [],
  );
  await blue.has([]);

  // The entry stops naming this host: as if it had gone.
  await writeManifest(
    'red.yaml',
    manifest('red', `address: ${nic}`, NIC_IDENTITY, '  hosts: [dom0-b]\n  deletionPolicy: Host\n'),
  );
  await red.has([], 120_000);
  assert.match(await productLog(), /no assignment is for this host, dom0; 2 objects are for other hosts/);
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test(
    'when bus numbers move, a path finds its card, and an address with identity touches nothing',
    busNumbersMove,
    900_000,
  ),
  test(
    'a card that is another one is not taken, and not taken away; hosts that are not named do nothing',
    anotherCard,
    900_000,
  ),
];
