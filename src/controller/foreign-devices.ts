import type { ConditionNow } from '../api/conditions.ts';
import type { SourcedAssignment } from '../api/manifest.ts';
import { findDomain } from '../plan/domains.ts';
import type { ForeignDevice } from '../plan/foreign.ts';
import type { Observed } from '../plan/observed.ts';
import type { Plan } from '../plan/plan.ts';

/** What the sentences below rest on. */
interface Look {
  readonly observed: Observed;
  readonly plan: Plan;
}

/** What the domain of an assignment has that is neither ours nor named by an entry for it. */
export function foreignOf({ assignment }: SourcedAssignment, { observed, plan }: Look): readonly ForeignDevice[] {
  const domain = findDomain(observed, assignment.spec.domain);
  return (domain && plan.foreign.get(domain.uuid)) ?? [];
}

/** The same as a sentence; undefined when there is nothing. */
export function foreignText(sourced: SourcedAssignment, look: Look): string | undefined {
  const devices = foreignOf(sourced, look);
  if (devices.length === 0) return undefined;
  const domain = findDomain(look.observed, sourced.assignment.spec.domain)?.name;
  const list = devices.map(({ address, views }) => `${address} (${views.map(view => VIEWS[view]).join(', ')})`);
  return `${domain} has what no entry names and xenpci did not give it: ${list.join(', ')}; it is left alone`;
}

const VIEWS = { xenstore: 'xenstore', live: 'libvirt live', stored: 'libvirt stored' } as const;

/** The condition that says so. It does not keep an assignment from being ready. */
export function foreignCondition(message: string, observedGeneration: string): ConditionNow {
  return { type: 'ForeignDevices', status: 'True', reason: 'NotByXenpci', message, observedGeneration };
}
