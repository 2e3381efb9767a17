import type { SourceSnapshot } from '../api/manifest.ts';
import type { Suspension, Suspensions } from '../api/suspension.ts';
import { type Hold, wait } from './hold.ts';
import { grouped, lookup } from './lookup.ts';

/**
 * The manifests as they hold while persons have suspended some assignments: those are as if they said `suspend: true`.
 * Where nobody knows which they are, all of them are.
 */
export function withSuspensions(source: SourceSnapshot, suspensions: Suspensions): SourceSnapshot {
  const names = 'unusable' in suspensions ? undefined : new Set(suspensions.suspended.map(each => each.assignment));
  const assignments = source.assignments.map(sourced => {
    const { assignment } = sourced;
    if (names !== undefined && !names.has(assignment.metadata.name)) return sourced;
    return { ...sourced, assignment: { ...assignment, spec: { ...assignment.spec, suspend: true } } };
  });
  return { ...source, assignments, suspensions };
}

/**
 * Why nothing is done for the assignment of that name, whether or not a manifest still has it: what it had is not taken
 * away either. Undefined when it is not suspended.
 */
export function suspendedHold(name: string, { assignments, suspensions }: SourceSnapshot): Hold | undefined {
  if (suspensions !== undefined && 'unusable' in suspensions) return unknown(suspensions.unusable);
  const suspension = suspensions && byAssignment(suspensions.suspended).get(name)?.[0];
  if (suspension !== undefined) return wait('Suspended', suspensionText(suspension));
  return suspendedNames(assignments).has(name) ? wait('Suspended', 'the assignment is suspended') : undefined;
}

const byAssignment = lookup((suspended: readonly Suspension[]) => grouped(suspended, ({ assignment }) => assignment));
const suspendedNames = lookup((assignments: SourceSnapshot['assignments']) => {
  const asleep = assignments.filter(({ assignment }) => assignment.spec.suspend);
  return new Set(asleep.map(({ assignment }) => assignment.metadata.name));
});

/** By whom, since when and why, and how it ends: one sentence. */
export function suspensionText({ assignment, since, by, reason }: Suspension): string {
  const why = reason === undefined ? '' : ` (${reason})`;
  return `suspended by ${by} since ${secondsOf(since)}${why}; to go on: xenpci resume ${assignment}`;
}

/** To the second: what a person did needs no more. */
function secondsOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function unknown(why: string): Hold {
  const message = `nobody knows what is suspended, so nothing is touched: ${why}; to go on with all: xenpci resume --all`;
  return wait('SuspensionUnknown', message);
}
