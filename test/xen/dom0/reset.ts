/** The state every test starts from. */
import assert from 'node:assert/strict';
import { becomes } from './deadline.ts';
import { driverOf, HOST_DRIVERS, probe } from './devices.ts';
import { run, virsh, xl } from './exec.ts';
import { restartLibvirtd, startLibvirtd } from './libvirtd.ts';
import { removeProduct } from './product.ts';
import { pciBackends, removeStaleBackends } from './xenstore.ts';

/**
 * Puts the host back: no product, no guest (running or defined), every device on its own driver of dom0 and out of
 * quarantine, no stale entry in xenstore, libvirt without a memory of devices in use.
 * @throws Error if the host cannot be brought there.
 */
export async function resetHost(): Promise<void> {
  await removeProduct();
  if ((await run('virsh', ['-q', 'version'])).code !== 0) await startLibvirtd();
  await endDomains();
  const taken = await giveBack();
  await removeStaleBackends();
  // libvirtd forgets which devices it believes in use only when it starts anew.
  if (taken.length > 0) await restartLibvirtd();
  await assertClean();
}

/** Ends all domains but dom0, and removes their definitions. */
async function endDomains(): Promise<void> {
  // One that libvirt has lost, or that ends at this moment, is left to xl; what is left after both is an error.
  for (const name of await libvirtDomains()) await run('virsh', ['-q', 'destroy', name]);
  for (const { id } of await domains()) await run('xl', ['destroy', id]);
  await becomes('domains', domains, [], 60_000);
  for (const name of await libvirtDomains()) await run('virsh', ['-q', 'undefine', name]);
  await becomes('domains of libvirt', libvirtDomains, [], 60_000);
}

/** Throws if the host is not as `resetHost` leaves it, but for the guests called `kept`, which may run. */
export async function assertClean(kept: readonly string[] = []): Promise<void> {
  const drivers = new Map<string, string | undefined>();
  for (const address of HOST_DRIVERS.keys()) drivers.set(address, await driverOf(address));
  assert.deepEqual(drivers, HOST_DRIVERS, 'drivers of the devices');
  assert.deepEqual(lines(await xl('pci-assignable-list')), [], 'devices on pciback');
  const names = (await domains()).map(({ name }) => name);
  assert.deepEqual(names.sort(), [...kept].sort(), 'domains');
  assert.deepEqual([...(await libvirtDomains())].sort(), [...kept].sort(), 'domains of libvirt');
  assert.deepEqual(await pciBackends(), [], 'PCI backends in xenstore');
}

/** Gives every device that is on pciback, or on no driver, back to dom0; returns those that were not there. */
export async function giveBack(): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const [address, driver] of HOST_DRIVERS) {
    if ((await driverOf(address)) === driver) continue;
    taken.push(address);
    // Also takes it out of quarantine, so also when pciback has lost it already.
    if ((await driverOf(address)) !== 'pciback') await xl('pci-assignable-add', address);
    await xl('pci-assignable-remove', '-r', address);
    if ((await driverOf(address)) === undefined) await probe(address); // xl did not know which driver it had
    await becomes(`driver of ${address}`, () => driverOf(address), driver, 60_000);
  }
  return taken;
}

/** All domains but dom0, from the hypervisor's own list. */
export async function domains(): Promise<readonly { readonly id: string; readonly name: string }[]> {
  const rows = lines(await xl('list')).slice(1);
  return rows.map(row => row.split(/\s+/)).flatMap(([name = '', id = '']) => (id === '0' ? [] : [{ id, name }]));
}

/** All domains but dom0 that libvirt knows, running or not. */
export async function libvirtDomains(): Promise<readonly string[]> {
  return lines(await virsh('list', '--all', '--name')).filter(name => name !== 'Domain-0');
}

function lines(text: string): string[] {
  return text.split('\n').filter(line => line.trim() !== '');
}
