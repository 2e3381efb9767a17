import type { SourceSnapshot } from '../api/manifest.ts';
import type { Observed } from '../plan/observed.ts';
import { isSame } from '../plan/same.ts';

// Whoever plans, or tells of a plan, finds by identity what has changed from one look to the next. Hosts and sources may
// make all objects anew each time: here, once for all, those that say the same become the same.

/** A look in which whatever is as it was at the one before is the same object as there. */
export function sameLook(before: Observed | undefined, after: Observed): Observed {
  if (before === undefined) return after;
  const was = [...before.devices.values()];
  const devices = sameMembers(was, [...after.devices.values()], ({ address }) => address);
  return {
    ...after,
    devices: devices === was ? before.devices : new Map(devices.map(device => [device.address, device])),
    domains: sameMembers(before.domains, after.domains, ({ uuid }) => uuid),
  };
}

/** The same for what is read of manifests. */
export function sameManifests(before: SourceSnapshot | undefined, after: SourceSnapshot): SourceSnapshot {
  if (before === undefined) return after;
  const nameOf = ({ assignment }: SourceSnapshot['assignments'][number]): string => assignment.metadata.name;
  return { ...after, assignments: sameMembers(before.assignments, after.assignments, nameOf) };
}

/** @returns the earlier list where all of it is the same, in the same order. */
function sameMembers<Member>(
  before: readonly Member[],
  after: readonly Member[],
  keyOf: (member: Member) => string,
): readonly Member[] {
  const known = new Map(before.map(member => [keyOf(member), member]));
  const members = after.map(member => {
    const key = keyOf(member);
    const earlier = known.get(key);
    // Of several with one key none may come twice.
    known.delete(key);
    return earlier !== undefined && isSame(earlier, member) ? earlier : member;
  });
  const isUnchanged = members.length === before.length && members.every((member, index) => member === before[index]);
  return isUnchanged ? before : members;
}
