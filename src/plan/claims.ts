import type { Address } from '../api/address.ts';
import { identityDifferences } from '../api/identity.ts';
import type { DeviceEntry, Origin, SourcedAssignment } from '../api/manifest.ts';
import { guard, type Hold, wait } from './hold.ts';
import type { Observed, ObservedDevice } from './observed.ts';

/** One entry's wish for one device. */
export interface Claim {
  readonly assignment: SourcedAssignment;
  readonly entry: DeviceEntry;
  readonly origin: Origin;
  readonly address: Address;
  /** Set when the claim must not be followed: two entries want the device. */
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
 * Two entries for one device are a conflict for both, whichever came first.
 */
export function resolveEntries(assignments: readonly SourcedAssignment[], observed: Observed): ResolvedEntry[] {
  const byPath = new Map([...observed.devices.values()].filter(d => d.present).map(d => [d.path, d.address]));
  const named = allEntries(assignments).map(item => {
    const { address, path } = item.entry;
    return { ...item, address: address ?? (path === undefined ? undefined : byPath.get(path)) };
  });
  const taken = new Set(named.flatMap(item => (item.address === undefined ? [] : [item.address])));
  const claimed = named.map(item => ({ ...item, addresses: addressesOf(item, taken, observed) }));
  const claimants = new Map<Address, EntryItem[]>();
  for (const item of claimed) {
    for (const address of item.addresses) claimants.set(address, [...(claimants.get(address) ?? []), item]);
  }
  return claimed.map(item => resolved(item, claimants));
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

function addressesOf(
  item: EntryItem & { readonly address: Address | undefined },
  taken: ReadonlySet<Address>,
  observed: Observed,
): readonly Address[] {
  if (item.address !== undefined) return [item.address];
  const { selector } = item.entry;
  if (selector === undefined) return [];
  return [...observed.devices.values()]
    .filter(device => device.present && !taken.has(device.address) && selects(selector, device))
    .map(device => device.address)
    .sort();
}

// A selector never picks a bridge: "every device of vendor 8086" would otherwise name the chipset.
function selects(selector: NonNullable<DeviceEntry['selector']>, device: ObservedDevice): boolean {
  return !isBridge(device) && identityDifferences(selector, device.identity).length === 0;
}

/** Whether a device is a bridge (base class 06), which no guest can have. */
export function isBridge(device: ObservedDevice): boolean {
  return device.identity.class?.startsWith('06') === true;
}

function resolved(
  item: EntryItem & { readonly addresses: readonly Address[] },
  claimants: ReadonlyMap<Address, readonly EntryItem[]>,
): ResolvedEntry {
  const { assignment, entry, origin } = item;
  const claims = item.addresses.map(address => {
    const others = (claimants.get(address) ?? []).filter(other => other.entry !== entry);
    const claim = { assignment, entry, origin, address };
    return others.length === 0 ? claim : { ...claim, conflict: conflict(address, others) };
  });
  if (claims.length > 0) return { assignment, entry, origin, claims };
  return { assignment, entry, origin, claims, hold: missing(entry) };
}

function conflict(address: Address, others: readonly EntryItem[]): Hold {
  const places = others.map(
    ({ assignment, entry, origin }) =>
      `${assignment.assignment.metadata.name}/${entry.name} (${origin.file}:${origin.line})`,
  );
  return guard('Conflict', `${address} is also named by ${places.join(' and ')}; remove it from all but one`);
}

function missing(entry: DeviceEntry): Hold {
  return entry.path === undefined
    ? wait('DeviceMissing', 'no device of this host matches the selector')
    : wait('DeviceMissing', `there is no device at path ${entry.path}`);
}
