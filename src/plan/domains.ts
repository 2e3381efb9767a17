import type { Address } from '../api/address.ts';
import type { DomainSelector } from '../api/manifest.ts';
import type { HeldDevice } from './inventory.ts';
import { grouped, lookup } from './lookup.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain, Place } from './observed.ts';
import type { Guest, Toolstack } from './step.ts';

/** How the aliases of our own entries begin. libvirt keeps only aliases that begin with `ua-`. */
export const ALIAS_PREFIX = 'ua-xenpci-';

/** Whether an entry of a definition is ours. */
export function isOurs(entry: HostdevEntry): boolean {
  return entry.alias?.startsWith(ALIAS_PREFIX) === true;
}

type Domains = Observed['domains'];

const byName = lookup((domains: Domains) => grouped(domains, ({ name }) => name));
const byUuid = lookup((domains: Domains) => grouped(domains, ({ uuid }) => uuid));
const byDomid = lookup((domains: Domains) => grouped(domains, ({ domid }) => domid));
const believers = lookup((domains: Domains) =>
  grouped(
    domains.flatMap(domain => domain.live.map(({ address }) => ({ domain, address }))),
    ({ address }) => address,
  ),
);

/** The domain that a manifest names; of two with one name the running one. */
export function findDomain({ domains }: Observed, selector: DomainSelector): ObservedDomain | undefined {
  const found = 'uuid' in selector ? byUuid(domains).get(selector.uuid) : byName(domains).get(selector.name);
  return found?.find(domain => domain.domid !== undefined) ?? found?.[0];
}

/** The domains of which libvirt believes that they have the device while they run. */
export function believedHolders({ domains }: Pick<Observed, 'domains'>, device: Address): ObservedDomain[] {
  return [
    ...new Set(
      believers(domains)
        .get(device)
        ?.map(({ domain }) => domain),
    ),
  ];
}

/** Whether a record is about this domain. A UUID decides where both have one, since names can change. */
export function isHeldFor(held: HeldDevice, domain: { readonly name: string; readonly uuid: string }): boolean {
  return held.domain.uuid === undefined ? held.domain.name === domain.name : held.domain.uuid === domain.uuid;
}

/** The running domain of that number. */
export function domainOf({ domains }: Pick<Observed, 'domains'>, domid: number): ObservedDomain | undefined {
  return byDomid(domains).get(domid)?.[0];
}

/** The domain that has the device, as observed; a stand-in when only xenstore knows it. */
export function holderOf(observed: Observed, place: Place): ObservedDomain | undefined {
  return place.at === 'guest' ? domainOf(observed, place.domid) : undefined;
}

/** A running domain as steps name it. */
export function asGuest(domain: ObservedDomain, domid: number): Guest {
  return { name: domain.name, uuid: domain.uuid, domid };
}

/** xl where libvirt does not believe that the domain has the device, or does not know the domain: it would refuse. */
export function detachVia(domain: ObservedDomain, device: Address): Toolstack {
  return domain.live.some(entry => entry.address === device) ? 'libvirt' : 'xl';
}

/** xl where libvirt does not know the domain, believes that somebody has the device, or would insist on a reset. */
export function attachVia(observed: Observed, domain: ObservedDomain, device: ObservedDevice): Toolstack {
  if (domain.toolstack === 'xl' || device.resetMethods.length === 0) return 'xl';
  // A detach that is planned first ends libvirt's belief, unless that belief is about another domain than the holder.
  if (believedHolders(observed, device.address).length === 0) return 'libvirt';
  const holder = holderOf(observed, device.place);
  return holder !== undefined && detachVia(holder, device.address) === 'libvirt' ? 'libvirt' : 'xl';
}
