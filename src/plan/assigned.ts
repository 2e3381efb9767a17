import type { PCIAssignment, SourceSnapshot } from '../api/manifest.ts';
import { findDomain } from './domains.ts';
import type { Hold } from './hold.ts';
import { grouped, lookup } from './lookup.ts';
import type { Observed, ObservedDomain } from './observed.ts';
import type { Situation } from './situation.ts';
import { suspendedHold } from './suspended.ts';

/** The specs of all assignments in force for a domain. */
export function specsFor(holder: ObservedDomain, situation: Situation): PCIAssignment['spec'][] {
  return assignmentsFor(holder, situation)
    .map(({ spec }) => spec)
    .filter(spec => !spec.suspend);
}

/** Why a domain is left alone: it has assignments, and all of them are suspended. */
export function asleepHold(domain: ObservedDomain, situation: Situation): Hold | undefined {
  const assigned = assignmentsFor(domain, situation);
  const [first] = assigned;
  if (first === undefined || assigned.some(({ spec }) => !spec.suspend)) return undefined;
  return suspendedHold(first.metadata.name, situation.source);
}

function assignmentsFor({ uuid }: ObservedDomain, { observed, source }: Situation): readonly PCIAssignment[] {
  return byDomain(observed)(source).get(uuid) ?? [];
}

const byDomain = lookup((observed: Observed) =>
  lookup(({ assignments }: SourceSnapshot) =>
    grouped(
      assignments.map(({ assignment }) => assignment),
      ({ spec }) => findDomain(observed, spec.domain)?.uuid,
    ),
  ),
);
