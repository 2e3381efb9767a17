import type { Address } from '../api/address.ts';
import { identityDifferences } from '../api/identity.ts';
import type { DeviceEntry, Origin, SourcedAssignment } from '../api/manifest.ts';
import { findDomain } from './domains.ts';
import { guard, type Hold, wait } from './hold.ts';
import type { Observed, ObservedDevice } from './observed.ts';

/** One entry's wish for one device. */
export interface Claim {
  readonly assignment: SourcedAssignment;
  readonly entry: DeviceEntry;
  readonly origin: Origin;
  readonly address: Address;
  /** Set when the claim must not be followed: two entries want the device, and not all of them share it. */
  readonly conflict?: Hold;
}

/** One entry of an assignment with the devices that it names on this host. */
export interface ResolvedEntry {
  readonly assignment: SourcedAssignment;
  readonly entry: DeviceEntry;
  readonly origin: Origin;
  readonly claims: readonly Claim[];
  /** Why it names no device, if so. */
  readonly hold?: Hold;
}

/**
 * Finds the devices that the entries name: by address and path first, then selectors take what no other entry names.
 * Several entries for one device take turns if all of them say so and each is for a domain of its own; otherwise they are
 * a conflict for all, whichever came first.
 */
export function resolveEntries(assignments: readonly SourcedAssignment[], observed: Observed): ResolvedEntry[] {
  const byPath = new Map([...observed.devices.values()].filter(d => d.present).map(d => [d.path, d.address]));
  const named = allEntries(assignments).map(item => {
    const { address, path } = item.entry;
    return { item, address: address ?? (path === undefined ? undefined : byPath.get(path)) };
  });
  const taken = new Set(named.map(({ address }) => address));
  const claimants = new Map<Address, EntryItem[]>();
  const claimed = named.map(({ item, address }) => {
    const addresses = address === undefined ? selected(item.entry, taken, observed) : [address];
    for (const each of addresses) {
      const others = claimants.get(each);
      if (others === undefined) claimants.set(each, [item]);
      else others.push(item);
    }
    return { item, addresses };
  });
  return claimed.map(({ item, addresses }) => resolved(item, addresses, claimants, observed));
}

interface EntryItem {
  readonly assignment: SourcedAssignment;
  readonly entry: DeviceEntry;
  readonly origin: Origin;
}

function allEntries(assignments: readonly SourcedAssignment[]): EntryItem[] {
  return assignments.flatMap(assignment =>
    assignment.assignment.spec.devices.map((entry, index) => ({
      assignment,
      entry,
      origin: assignment.entryOrigins[index] ?? assignment.origin,
    })),
  );
}

function selected(
  { selector }: DeviceEntry,
  taken: ReadonlySet<Address | undefined>,
  observed: Observed,
): readonly Address[] {
  if (selector === undefined) return [];
  return [...observed.devices.values()]
    .filter(device => device.present && !taken.has(device.address) && isSelected(selector, device))
    .map(device => device.address)
    .sort();
}

/**
 * Whether a selector fits a device. It never picks a bridge: "every device of vendor 8086" would otherwise name the
 * chipset.
 */
export function isSelected(selector: NonNullable<DeviceEntry['selector']>, device: ObservedDevice): boolean {
  return !isBridge(device) && identityDifferences(selector, device.identity).length === 0;
}

/** Whether a device is a bridge (base class 06), which no guest can have. */
export function isBridge(device: ObservedDevice): boolean {
  return device.identity.class?.startsWith('06') === true;
}

function resolved(
  item: EntryItem,
  addresses: readonly Address[],
  claimants: ReadonlyMap<Address, readonly EntryItem[]>,
  observed: Observed,
): ResolvedEntry {
  const { assignment, entry, origin } = item;
  const claims = addresses.map(address => {
    const claim = { assignment, entry, origin, address };
    const refusal = conflict(address, item, claimants.get(address) ?? [], observed);
    return refusal === undefined ? claim : { ...claim, conflict: refusal };
  });
  if (claims.length > 0) return { assignment, entry, origin, claims };
  return { assignment, entry, origin, claims, hold: missing(entry) };
}

function conflict(
  address: Address,
  item: EntryItem,
  claimants: readonly EntryItem[],
  observed: Observed,
): Hold | undefined {
  if (claimants.length === 1) return undefined;
  const others = claimants.filter(other => other.entry !== item.entry);
  if (others.length === 0) return undefined;
  const exclusive = claimants.filter(({ entry }) => entry.sharing === 'Exclusive');
  const rival = others.find(other => domainKey(other, observed) === domainKey(item, observed));
  const twice = claimants.length > new Set(claimants.map(claimant => domainKey(claimant, observed))).size;
  if (exclusive.length === 0 && !twice) return undefined;
  const also = `${address} is also named by ${others.map(placeOf).join(' and ')}`;
  if (exclusive.length === claimants.length) return guard('Conflict', `${also}; remove it from all but one`);
  if (exclusive.length > 0) {
    const list = exclusive.map(placeOf).join(' and ');
    return guard('Conflict', `${also}; to take turns all must say sharing: FirstStarted, and ${list} says Exclusive`);
  }
  const whom = rival === undefined ? 'two of them are' : `${placeOf(rival)} is`;
  return guard('Conflict', `${also}; ${whom} for the same domain, which cannot take turns with itself`);
}

function placeOf({ assignment, entry, origin }: EntryItem): string {
  return `${assignment.assignment.metadata.name}/${entry.name} (${origin.file}:${origin.line})`;
}

/** One domain has one key, however it is named; two that do not exist differ by their selectors. */
function domainKey({ assignment }: EntryItem, observed: Observed): string {
  const { domain } = assignment.assignment.spec;
  return findDomain(observed, domain)?.uuid ?? ('uuid' in domain ? domain.uuid : domain.name);
}

function missing(entry: DeviceEntry): Hold {
  return entry.path === undefined
    ? wait('DeviceMissing', 'no device of this host matches the selector')
    : wait('DeviceMissing', `there is no device at path ${entry.path}`);
}
