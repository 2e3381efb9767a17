import type { SourcedAssignment } from '../../api/manifest.ts';
import type { Basis } from '../basis.ts';
import type { HeldDevice } from '../inventory.ts';
import type { ObservedDevice, ObservedDomain } from '../observed.ts';
import { listChanges } from './changes.ts';

/** The objects of a basis, or some of them, in its order. */
export interface Members {
  readonly devices: readonly ObservedDevice[];
  readonly domains: readonly ObservedDomain[];
  readonly assignments: readonly SourcedAssignment[];
  readonly records: readonly HeldDevice[];
}

/** All objects of a basis. */
export function membersOf({ observed, source, inventory }: Basis): Members {
  return {
    devices: [...observed.devices.values()],
    domains: observed.domains,
    assignments: source.assignments,
    records: [...inventory.values()],
  };
}

/** Those that are in a set. */
export function membersIn(set: ReadonlySet<object>, { devices, domains, assignments, records }: Members): Members {
  const isIn = (member: object): boolean => set.has(member);
  return {
    devices: devices.filter(isIn),
    domains: domains.filter(isIn),
    assignments: assignments.filter(isIn),
    records: records.filter(isIn),
  };
}

/** All in one list. */
export function listOf({ devices, domains, assignments, records }: Members): readonly object[] {
  return [...devices, ...domains, ...assignments, ...records];
}

/** The basis without all others. */
export function basisWith({ observed, source }: Basis, { devices, domains, assignments, records }: Members): Basis {
  return {
    observed: { ...observed, devices: new Map(devices.map(device => [device.address, device])), domains },
    source: { ...source, assignments },
    inventory: new Map(records.map(held => [held.address, held])),
  };
}

/** The objects by which a basis differs from an earlier one. */
export interface MemberChanges {
  readonly gone: Members;
  readonly fresh: Members;
}

/** @returns undefined when objects that are in both do not stand in the same order, which is no difference of objects. */
export function changesOf(before: Members, after: Members): MemberChanges | undefined {
  const devices = listChanges(before.devices, after.devices);
  const domains = listChanges(before.domains, after.domains);
  const assignments = listChanges(before.assignments, after.assignments);
  const records = listChanges(before.records, after.records);
  if (![devices, domains, assignments, records].every(({ isInOrder }) => isInOrder)) return undefined;
  return {
    gone: { devices: devices.gone, domains: domains.gone, assignments: assignments.gone, records: records.gone },
    fresh: { devices: devices.fresh, domains: domains.fresh, assignments: assignments.fresh, records: records.fresh },
  };
}
