import type { Address } from '../api/address.ts';
import { compareAddresses } from '../api/address.ts';
import type { SourcedAssignment } from '../api/manifest.ts';
import type { Claim } from './claims.ts';
import { findDomain, isHeldFor, isOurs } from './domains.ts';
import type { Inventory } from './inventory.ts';
import { grouped, lookup } from './lookup.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain } from './observed.ts';

/** A device that an assigned domain has or is to have, neither by xenpci nor because an entry names it. */
export interface ForeignDevice {
  readonly address: Address;
  /** Where it shows: the guest has it by xenstore, libvirt's definition of the running domain, the stored one. */
  readonly views: readonly ('xenstore' | 'live' | 'stored')[];
}

/** What every domain with an assignment has that is not ours, by domain UUID. */
export function foreignDevices(
  assignments: readonly SourcedAssignment[],
  claims: readonly Claim[],
  inventory: Inventory,
  observed: Observed,
): ReadonlyMap<string, readonly ForeignDevice[]> {
  const named = new Map<string, Set<Address>>();
  for (const { assignment } of assignments) {
    const domain = findDomain(observed, assignment.spec.domain);
    if (domain !== undefined) named.set(domain.uuid, new Set());
  }
  for (const { assignment, address } of claims) {
    const domain = findDomain(observed, assignment.assignment.spec.domain);
    if (domain !== undefined) named.get(domain.uuid)?.add(address);
  }
  const found = observed.domains.flatMap(domain => {
    const own = named.get(domain.uuid);
    if (own === undefined) return [];
    const devices = foreignOf(domain, inventory, observed).filter(({ address }) => !own.has(address));
    return [[domain.uuid, devices] as const];
  });
  return new Map(found.filter(([, devices]) => devices.length > 0));
}

function foreignOf(domain: ObservedDomain, inventory: Inventory, observed: Observed): ForeignDevice[] {
  const foreign = (entries: readonly HostdevEntry[]): Address[] =>
    entries.filter(entry => !isOurs(entry)).map(entry => entry.address);
  // An attachment of ours through xl leaves no alias: the record knows it.
  const isKnown = (address: Address): boolean => {
    const held = inventory.get(address);
    const aliased = domain.live.some(entry => entry.address === address && isOurs(entry));
    return aliased || (held !== undefined && isHeldFor(held, domain));
  };
  const having = devicesOf(domain, observed).filter(({ address }) => !isKnown(address));
  const views = {
    xenstore: new Set(having.map(device => device.address)),
    live: new Set(foreign(domain.live)),
    stored: new Set(foreign(domain.stored?.hostdevs ?? [])),
  };
  const all = [...new Set([...views.xenstore, ...views.live, ...views.stored])].sort(compareAddresses);
  const names = ['xenstore', 'live', 'stored'] as const;
  return all.map(address => ({ address, views: names.filter(name => views[name].has(address)) }));
}

/** The devices that a running domain has by xenstore. */
function devicesOf({ domid }: ObservedDomain, { devices }: Observed): readonly ObservedDevice[] {
  return domid === undefined ? [] : (byHolder(devices).get(domid) ?? []);
}

const byHolder = lookup((devices: Observed['devices']) =>
  grouped(devices.values(), ({ place }) => (place.at === 'guest' ? place.domid : undefined)),
);
