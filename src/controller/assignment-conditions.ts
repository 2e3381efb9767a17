import type { Address } from '../api/address.ts';
import type { ConditionNow } from '../api/conditions.ts';
import type { SourcedAssignment, SourceSnapshot } from '../api/manifest.ts';
import type { ResolvedEntry } from '../plan/claims.ts';
import { findDomain } from '../plan/domains.ts';
import type { Hold } from '../plan/hold.ts';
import type { Observed } from '../plan/observed.ts';
import type { Plan } from '../plan/plan.ts';
import { type Step, stepText } from '../plan/step.ts';
import { suspendedHold } from '../plan/suspended.ts';
import type { Failure } from './backoff.ts';
import { foreignCondition, foreignText } from './foreign-devices.ts';
import { asSeenBy, type DeviceStatus, isReady, type Status } from './status-types.ts';

/** What a status is made of: one look, what was decided, and what is remembered. */
export interface StatusInput {
  readonly plan: Plan;
  readonly observed: Observed;
  readonly source: SourceSnapshot;
  readonly previous?: Status;
  readonly failure: (key: string) => Failure | undefined;
  /** The steps that are under way or not judged yet. */
  readonly open: readonly Step[];
  readonly now: number;
}

export interface AssignmentLook {
  readonly sourced: SourcedAssignment;
  readonly entries: readonly ResolvedEntry[];
  readonly devices: ReadonlyMap<Address, DeviceStatus>;
  readonly input: StatusInput;
}

/** Something that keeps an assignment from being ready. `stuck`: it will not end without a person. */
interface Obstacle {
  readonly reason: string;
  readonly message: string;
  readonly stuck: boolean;
}

/**
 * All that the status of an assignment is made of, to be compared by identity: with the same facts it says the same, and
 * only its conditions' times are of the status before.
 */
export function assignmentFacts({ sourced, entries, devices, input }: AssignmentLook): readonly unknown[] {
  const { plan, observed, source, failure } = input;
  const { metadata, spec } = sourced.assignment;
  const domain = findDomain(observed, spec.domain);
  const { trial } = source;
  return [
    sourced,
    domain,
    domain && plan.configures.get(domain.uuid),
    domain && failure(`domain/${domain.name}`),
    domain && plan.foreign.get(domain.uuid),
    suspendedHold(metadata.name, source)?.message,
    ...(trial?.file === sourced.origin.file ? [trial.by, trial.until] : []),
    ...entries,
    ...entries.flatMap(({ claims }) => claims.map(({ address }) => devices.get(address))),
  ];
}

/** Ready always; Reconciling and Stalled only while they are true, as kstatus has it. */
export function assignmentConditions(look: AssignmentLook): ConditionNow[] {
  const observedGeneration = look.sourced.hash;
  const obstacles = [
    ...look.entries.flatMap(entry => entryObstacles(entry, look.devices)),
    ...domainObstacles(look),
    ...foreignObstacles(look),
  ];
  if (obstacles.length === 0) obstacles.push(...suspendedObstacles(look));
  const foreign = foreignText(look.sourced, look.input);
  const stuck = [...staleObstacles(look.sourced), ...obstacles.filter(obstacle => obstacle.stuck)];
  const moving = obstacles.filter(obstacle => !obstacle.stuck && obstacle.reason !== 'Suspended');
  const first = obstacles[0];
  const ready: ConditionNow =
    first === undefined
      ? { type: 'Ready', status: 'True', ...readyText(look), observedGeneration }
      : { type: 'Ready', status: 'False', reason: first.reason, message: messages(obstacles), observedGeneration };
  return [
    ready,
    ...abnormal('Reconciling', moving, observedGeneration),
    ...abnormal('Stalled', stuck, observedGeneration),
    ...(foreign === undefined ? [] : [foreignCondition(foreign, observedGeneration)]),
    ...trialConditions(look),
  ];
}

/** While its file is tried. */
function trialConditions({ sourced: { origin, hash }, input }: AssignmentLook): ConditionNow[] {
  const { trial } = input.source;
  if (trial?.file !== origin.file) return [];
  const message = `${trial.by} tries it until ${trial.until.slice(11, 19)}Z; xenpci try --confirm keeps it`;
  return [{ type: 'OnTrial', status: 'True', reason: 'OnTrial', message, observedGeneration: hash }];
}

function abnormal(
  type: 'Reconciling' | 'Stalled',
  obstacles: readonly Obstacle[],
  observedGeneration: string,
): ConditionNow[] {
  const [first] = obstacles;
  if (first === undefined) return [];
  return [{ type, status: 'True', reason: first.reason, message: messages(obstacles), observedGeneration }];
}

function messages(obstacles: readonly Obstacle[]): string {
  return [...new Set(obstacles.map(obstacle => obstacle.message))].join('; ');
}

function readyText({ sourced, entries, devices, input }: AssignmentLook): { reason: string; message: string } {
  const claims = entries.flatMap(entry => entry.claims);
  const lent = claims.flatMap(({ address }) => lentTo(devices.get(address), sourced.assignment.metadata.name));
  const count = claims.length - lent.length;
  const having = count === 1 ? '1 device' : `${count} devices`;
  const domain = findDomain(input.observed, sourced.assignment.spec.domain);
  if (domain?.domid !== undefined) return { reason: 'InPlace', message: `${domain.name} has ${having}` };
  const name = domain?.name ?? 'the domain';
  const message = `${name} is shut off and gets ${having} when it is started`;
  return { reason: 'Prepared', message: [message, ...lent].join('; ') };
}

/** A device that a domain which is off shares, and that another one has now. */
function lentTo(device: DeviceStatus | undefined, assignment: string): string[] {
  const isOther = device?.others?.some(other => other.assignment === assignment && other.wait === undefined);
  if (isOther !== true || device?.have?.at !== 'guest') return [];
  return [`${device.have.domain} has ${device.address} now, which they share`];
}

function entryObstacles(entry: ResolvedEntry, devices: ReadonlyMap<Address, DeviceStatus>): Obstacle[] {
  const { whenMissing, name } = entry.entry;
  if (entry.hold !== undefined) return whenMissing === 'Ignore' ? [] : [ofHold(name, entry.hold, false)];
  return entry.claims.flatMap(({ address }) => {
    const found = devices.get(address);
    const device = found && asSeenBy(found, entry.assignment.assignment.metadata.name, name);
    if (device === undefined || isReady(device, whenMissing)) return [];
    return [ofDevice(name, device)];
  });
}

function ofDevice(name: string, device: DeviceStatus): Obstacle {
  const { failure, wait, steps, underWay } = device;
  if (underWay !== undefined) return { reason: 'Progressing', message: `${name}: ${underWay}`, stuck: false };
  if (failure !== undefined) {
    // How often and when next is in the device's own status: here it would make every try a transition.
    return { reason: 'StepFailed', message: `${name}: ${failure.error}`, stuck: false };
  }
  if (steps.length > 0 && wait === undefined) {
    return { reason: 'Progressing', message: `${name}: ${steps.join(', then ')}`, stuck: false };
  }
  if (wait !== undefined) return ofHold(name, wait, wait.overdue);
  return { reason: 'Progressing', message: `${name}: the place of ${device.address} is not known yet`, stuck: false };
}

function ofHold(name: string, hold: Hold, overdue: boolean): Obstacle {
  return {
    reason: hold.reason,
    message: `${name}: ${hold.message}`,
    stuck: hold.kind === 'guard' || hold.reason === 'Drifted' || overdue,
  };
}

function domainObstacles({ sourced, input }: AssignmentLook): Obstacle[] {
  const domain = findDomain(input.observed, sourced.assignment.spec.domain);
  const step = domain === undefined ? undefined : input.plan.configures.get(domain.uuid);
  if (domain === undefined || step === undefined || sourced.assignment.spec.suspend) return [];
  const failure = input.failure(`domain/${domain.name}`);
  if (failure === undefined) return [{ reason: 'Progressing', message: stepText(step), stuck: false }];
  return [{ reason: 'StepFailed', message: `${stepText(step)}: ${failure.error}`, stuck: false }];
}

/** Under `driftPolicy: Report` whatever differs from the manifest is a difference. */
function foreignObstacles(look: AssignmentLook): Obstacle[] {
  const message =
    look.sourced.assignment.spec.driftPolicy === 'Report' ? foreignText(look.sourced, look.input) : undefined;
  return message === undefined ? [] : [{ reason: 'Drifted', message, stuck: true }];
}

/** Suspended and without a device of this host: nothing else says so. */
function suspendedObstacles({ sourced, input }: AssignmentLook): Obstacle[] {
  const hold = suspendedHold(sourced.assignment.metadata.name, input.source);
  return hold === undefined ? [] : [{ reason: hold.reason, message: hold.message, stuck: hold.reason !== 'Suspended' }];
}

function staleObstacles({ stale }: SourcedAssignment): Obstacle[] {
  if (stale === undefined) return [];
  const at = `${stale.file}:${stale.line}:${stale.column}${stale.field === '' ? '' : `: ${stale.field}`}`;
  return [
    {
      reason: 'InvalidManifest',
      message: `${at}: ${stale.message}; its last good content stays in force`,
      stuck: true,
    },
  ];
}
