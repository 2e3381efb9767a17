import type { Address } from '../api/address.ts';
import type { SourceSnapshot } from '../api/manifest.ts';
import { type Course, follow, type Stage, stepsOf } from './course.ts';
import type { ObservedDevice } from './observed.ts';
import { deviceDifferences } from './reversible-devices.ts';
import { domainDifferences } from './reversible-domains.ts';
import type { Standing } from './standing.ts';
import { type DeviceStep, stepText } from './step.ts';

/** A change of the manifests that is to be tried, and the host that it is to be tried on. */
export interface Attempt extends Stage {
  /** What is wanted now, and what is to be tried. */
  readonly before: SourceSnapshot;
  readonly after: SourceSnapshot;
  readonly standing: Standing;
}

/** Something that could not be taken back. */
export interface Irreversible {
  /** A device's address, `domain NAME` or `PCIHostPolicy`. */
  readonly about: string;
  /** A clause that goes on after it. */
  readonly message: string;
}

/**
 * Why a change of the manifests could not be taken back, by the plans of both directions: it is gone through until
 * nothing is left to do, and back from each stage on the way, and everything must be as it would be without the trial. What
 * waits counts as well: nobody can say what will have become of it when the time is up.
 *
 * @returns nothing when it can be taken back; each device and domain at most once.
 */
export function whyIrreversible(attempt: Attempt): Irreversible[] {
  const { before, after, standing } = attempt;
  const base = follow(attempt, before, standing);
  const there = follow(attempt, after, standing);
  // Going back waits for nobody's approval, whatever is approved now.
  const unasked = { ...standing, approved: [] };
  const ways = there.stages.slice(1).map(stage => follow(stage, before, unasked));
  const devices = [...attempt.observed.devices.values()].filter(({ address }) => isConcerned(address, base, there));
  const found = [
    ...allowed(attempt),
    ...devices.flatMap(device => risks(device, { base, there, attempt })),
    // The last way back is the usual one, and says most.
    ...ways.toReversed().flatMap(back => [...deviceDifferences(base, back), ...domainDifferences(base.end, back.end)]),
  ];
  return found.filter(({ about }, index) => found.findIndex(item => item.about === about) === index);
}

/** What a guard has kept from happening until now nobody can take back. */
function allowed({ before, after }: Attempt): Irreversible[] {
  const known = before.policy?.spec.allow ?? [];
  const names = (after.policy?.spec.allow ?? []).filter(name => !known.includes(name));
  if (names.length === 0) return [];
  return [
    { about: 'PCIHostPolicy', message: `would switch off ${names.join(', ')}; what a guard lets happen stays so` },
  ];
}

/** Whether the trial does something to a device, or keeps something from being done. */
function isConcerned(address: Address, base: Course, there: Course): boolean {
  const outcome = ({ steps, end }: Course): string =>
    JSON.stringify([stepsOf(steps, address), end.plan.devices.get(address)?.hold?.message]);
  return outcome(base) !== outcome(there);
}

interface Courses {
  readonly base: Course;
  readonly there: Course;
  readonly attempt: Attempt;
}

/** What can go wrong with a device, although the plan would lead it back. */
function risks(device: ObservedDevice, courses: Courses): Irreversible[] {
  const { base, there } = courses;
  const { address } = device;
  const [first] = stepsOf(base.steps, address);
  const hold = there.end.plan.devices.get(address)?.hold;
  const messages = [
    ...(first === undefined ? [] : [`is not at rest without the trial: ${stepText(first)} comes first`]),
    // Suspended is what was asked for.
    ...(hold === undefined || hold.reason === 'Suspended'
      ? []
      : [`would not come to rest: ${hold.reason}: ${hold.message}`]),
    ...stepsOf(there.steps, address).flatMap(step => riskOf(step, device, courses) ?? []),
  ];
  return messages.map(message => ({ about: address, message }));
}

function riskOf(step: DeviceStep, { uses }: ObservedDevice, { base, attempt }: Courses): string | undefined {
  const home = base.end.observed.devices.get(step.device)?.place;
  const [use] = uses;
  if (step.verb === 'bind' && use !== undefined)
    return `would be taken from dom0, which does not get it back: ${use.text}`;
  if (step.verb === 'release' && home?.at !== 'host')
    return 'would go to the host, from which it is not taken again if dom0 begins to use it';
  const { after, observed } = attempt;
  if (step.verb !== 'detach' || home?.at !== 'guest' || after.policy?.spec.forceDetach !== true) return undefined;
  const holder = observed.domains.find(({ uuid }) => uuid === step.guest.uuid);
  if (holder?.type !== 'hvm' || home.domid !== step.guest.domid) return undefined;
  return `may be torn from ${holder.name} by force (forceDetach), which cannot get it again before it is restarted`;
}
