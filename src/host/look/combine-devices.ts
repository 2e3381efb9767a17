import type { Address } from '../../api/address.ts';
import { compareAddresses } from '../../api/address.ts';
import { domainOf } from '../../plan/domains.ts';
import type { ObservedDevice, ObservedDomain, Place } from '../../plan/observed.ts';
import type { PciIds } from '../sysfs/pci-ids.ts';
import { chainToPath } from '../sysfs/pci-path.ts';
import { PCIBACK, type SysfsDevice } from '../sysfs/sysfs.ts';
import { guestAddress, isBusClosed, isSettled } from '../xenstore/pci-backend.ts';
import { type Holder, holdersOf, type XenstoreView } from '../xenstore/view.ts';
import { divergence } from './divergence.ts';
import type { Views } from './views.ts';

/** All devices by address, in order: those of sysfs, and those that xenstore still names after they have vanished. */
export function combineDevices(
  views: Views,
  domains: readonly ObservedDomain[],
  ids: PciIds,
): ReadonlyMap<Address, ObservedDevice> {
  const present = new Set(views.sysfs.map(({ address }) => address));
  const named = views.xenstore.backends.flatMap(({ devices }) => devices.map(({ address }) => address));
  const vanished = [...new Set(named)].filter(address => !present.has(address));
  const devices = [
    ...views.sysfs.map(device => observedDevice(device, true, views, domains, ids)),
    ...vanished.map(address => observedDevice(vanishedDevice(address), false, views, domains, ids)),
  ];
  devices.sort((a, b) => compareAddresses(a.address, b.address));
  return new Map(devices.map(device => [device.address, device]));
}

function observedDevice(
  device: SysfsDevice,
  present: boolean,
  views: Views,
  domains: readonly ObservedDomain[],
  ids: PciIds,
): ObservedDevice {
  const { address, path, identity, progIf, driver, resetMethods, virtual, insertion } = device;
  const mark = views.xenstore.marks.get(address);
  const holders = holdersOf(views.xenstore, address);
  const [holder] = holders;
  const place = placeOf(holder, driver, views.xenstore);
  const dead = deathOf(device, holders);
  const doubt = divergence(address, holders, mark, views.xenstore, domains);
  return {
    address,
    present,
    path,
    identity,
    text: ids.describe(identity, progIf),
    ...(insertion === undefined ? {} : { insertion }),
    ...(driver === undefined ? {} : { driver }),
    place,
    ...(holder === undefined ? {} : asHeld(holder, domains)),
    settled:
      holders.length === 0
        ? mark?.domid === undefined || !views.xenstore.domains.has(mark.domid)
        : holders.every(each => isSettled(each.backend, each.device, typeOf(each.domid, domains))),
    resetMethods,
    uses: place.at === 'host' ? (views.uses.get(address) ?? []) : [],
    ...(dead === undefined ? {} : { dead }),
    ...(virtual === undefined ? {} : { virtual }),
    ...(mark?.driver === undefined ? {} : { homeDriver: mark.driver }),
    ...(views.unfiltered.has(address) ? { unfiltered: true } : {}),
    ...(doubt === undefined ? {} : { divergence: doubt }),
  };
}

/** What only its guest's backend says of a device. */
function asHeld(
  { domid, backend, device }: Holder,
  domains: readonly ObservedDomain[],
): Pick<ObservedDevice, 'guestAddress' | 'busClosed' | 'permissive'> {
  const type = typeOf(domid, domains);
  const seenAt = guestAddress(device, type);
  return {
    ...(seenAt === undefined ? {} : { guestAddress: seenAt }),
    ...(isBusClosed(backend, type) ? { busClosed: true } : {}),
    ...(device.permissive === undefined ? {} : { permissive: device.permissive }),
  };
}

function deathOf({ silent }: SysfsDevice, holders: readonly Holder[]): string | undefined {
  if (silent === true) return 'its config space reads all ones';
  const failed = holders.find(({ backend }) => backend.failed === true);
  return failed === undefined ? undefined : AER_FAILED;
}

/** pciback notes it for the whole backend of a guest, not for the one device (Linux xen-pciback, kill_domain_by_device). */
const AER_FAILED = 'pciback says that a device of this guest did not recover from a PCI Express error (aerState)';

/** A card that is gone answers every read with ones; its path is what it would be on a root bus, so it fits no other. */
function vanishedDevice(address: Address): SysfsDevice {
  const path = chainToPath([address], () => undefined);
  if (path === undefined) throw new Error(`${address} has no path`);
  return { address, path, identity: { vendor: 'ffff', device: 'ffff' }, progIf: '', resetMethods: [] };
}

function placeOf(holder: Holder | undefined, driver: string | undefined, xenstore: XenstoreView): Place {
  if (holder !== undefined) {
    const { domid } = holder;
    return { at: 'guest', domid, domain: xenstore.domains.get(domid)?.name ?? `domain ${domid}` };
  }
  return driver === PCIBACK ? { at: 'assignable' } : { at: 'host' };
}

function typeOf(domid: number, domains: readonly ObservedDomain[]): ObservedDomain['type'] | undefined {
  return domainOf({ domains }, domid)?.type;
}
