import type { Address } from '../api/address.ts';
import { type ConditionNow, withTransitionTimes } from '../api/conditions.ts';
import type { DeviceEntry, SourcedAssignment } from '../api/manifest.ts';
import type { DevicePlan } from '../plan/device-plan.ts';
import type { Hold, WaitReason } from '../plan/hold.ts';
import { grouped, lookup } from '../plan/lookup.ts';
import type { Plan } from '../plan/plan.ts';
import type { Bystander } from '../plan/sharing.ts';
import { type Step, stepKey, stepText } from '../plan/step.ts';
import {
  type AssignmentLook,
  assignmentConditions,
  assignmentFacts,
  type StatusInput,
} from './assignment-conditions.ts';
import type { Failure } from './backoff.ts';
import { foreignOf } from './foreign-devices.ts';
import { keeping } from './keeping.ts';
import {
  type AssignmentStatus,
  asSeenBy,
  type BystanderStatus,
  type DeviceStatus,
  type FailureStatus,
  isReady,
  type Status,
  type WaitStatus,
} from './status-types.ts';

/** How long each wait may last before it counts as stalled, ms. */
const WAIT_DEADLINE_MS: Readonly<Record<WaitReason, number>> = {
  Settling: 30_000,
  DomainChanging: 120_000,
  DomainCrashed: 600_000,
  DomainPaused: 600_000,
  DomainNotFound: 600_000,
  DeviceMissing: 600_000,
  HeldByOther: 600_000,
  Drifted: Number.POSITIVE_INFINITY,
  SharedInUse: Number.POSITIVE_INFINITY,
  SourceIncomplete: 600_000,
  NeedsApproval: 600_000,
  SlotInUse: 600_000,
  GuestBusClosed: 600_000,
  NeedsRestart: 86_400_000,
  Suspended: Number.POSITIVE_INFINITY,
  // Nothing but a person ends it, and nobody meant it.
  SuspensionUnknown: 0,
};

/**
 * The one place where a look and a plan become what people are told. Pure: what is as it was in the previous status is the
 * same objects, which tells what has changed.
 */
export function computeStatus(input: StatusInput): Status {
  const devices = [...input.plan.devices.values()].map(device => keptDevice(device, input));
  const byAddress = new Map(devices.map(device => [device.address, device]));
  return {
    observedAt: time(input.now),
    assignments: input.source.assignments.map(sourced => keptAssignment(sourced, byAddress, input)),
    devices,
    problems: input.source.problems,
    ...(input.source.elsewhere === undefined ? {} : { elsewhere: input.source.elsewhere }),
    ...(input.source.trial === undefined ? {} : { trial: input.source.trial }),
  };
}

const keepDevice = keeping<DeviceStatus>();
const keepAssignment = keeping<AssignmentStatus>();

function keptDevice(device: DevicePlan, input: StatusInput): DeviceStatus {
  const { address } = device;
  const facts: DeviceFacts = {
    failure: input.failure(address),
    divergence: input.observed.devices.get(address)?.divergence,
    underWay: input.open.find(step => stepKey(step) === address),
  };
  const before = beforeOf(address, input);
  const make = (): DeviceStatus => deviceStatus(device, facts, input);
  // With time alone a wait becomes overdue; and when the clock is set back, it no longer is.
  if (before !== undefined && !isInTime(before, input.now)) return make();
  return keepDevice(before, [device, facts.failure, facts.divergence, facts.underWay], make);
}

function isInTime({ wait, others = [] }: DeviceStatus, now: number): boolean {
  return [wait, ...others.map(other => other.wait)].every(
    each => each?.deadline === undefined || each.overdue === Date.parse(each.deadline) <= now,
  );
}

function keptAssignment(
  sourced: SourcedAssignment,
  devices: ReadonlyMap<Address, DeviceStatus>,
  input: StatusInput,
): AssignmentStatus {
  const { name } = sourced.assignment.metadata;
  const entries = entriesOf(input.plan).get(sourced) ?? [];
  const before = input.previous && assignmentsIn(input.previous).get(name)?.[0];
  const make = (): AssignmentStatus => assignmentStatus({ sourced, entries, devices, input }, before);
  return keepAssignment(before, assignmentFacts({ sourced, entries, devices, input }), make);
}

function assignmentStatus(look: AssignmentLook, before: AssignmentStatus | undefined): AssignmentStatus {
  const { sourced, entries, devices, input } = look;
  const { metadata, spec } = sourced.assignment;
  const foreign = foreignOf(sourced, input);
  const conditions = assignmentConditions(look);
  return {
    name: metadata.name,
    domain: 'uuid' in spec.domain ? spec.domain.uuid : spec.domain.name,
    file: sourced.origin.file,
    line: sourced.origin.line,
    conditions: withTransitionTimes(before?.conditions ?? [], conditions satisfies ConditionNow[], time(input.now)),
    devices: entries.flatMap(entry =>
      entry.claims.length === 0
        ? [{ entry: entry.entry.name, ready: entry.entry.whenMissing === 'Ignore' }]
        : entry.claims.map(({ address }) => ({
            entry: entry.entry.name,
            address,
            ready: isReadyFor(devices.get(address), metadata.name, entry.entry),
          })),
    ),
    ...(foreign.length === 0 ? {} : { foreign }),
  };
}

/** What the status of a device is made of besides its plan. */
interface DeviceFacts {
  readonly failure: Failure | undefined;
  readonly divergence: string | undefined;
  readonly underWay: Step | undefined;
}

function deviceStatus(
  device: DevicePlan,
  { failure, divergence, underWay }: DeviceFacts,
  input: StatusInput,
): DeviceStatus {
  const { address, have, want, hold, followed } = device;
  const others = device.others.map(other => bystanderStatus(address, other, input));
  return {
    address,
    ...(followed === undefined || followed.conflict !== undefined
      ? {}
      : { assignment: followed.assignment.assignment.metadata.name }),
    ...(have === undefined ? {} : { have }),
    ...(want === undefined ? {} : { want }),
    ...(underWay === undefined ? {} : { underWay: stepText(underWay) }),
    steps: device.steps.map(stepText),
    ...(device.afterApproval === undefined ? {} : { afterApproval: device.afterApproval.map(stepText) }),
    ...(hold === undefined ? {} : { wait: waitStatus(hold, beforeOf(address, input)?.wait, input) }),
    ...(failure === undefined ? {} : { failure: failureStatus(failure) }),
    ...(divergence === undefined ? {} : { divergence }),
    ...(others.length === 0 ? {} : { others }),
  };
}

function isReadyFor(device: DeviceStatus | undefined, assignment: string, { name, whenMissing }: DeviceEntry): boolean {
  return device !== undefined && isReady(asSeenBy(device, assignment, name), whenMissing);
}

function bystanderStatus(address: Address, { claim, hold }: Bystander, input: StatusInput): BystanderStatus {
  const about = { assignment: claim.assignment.assignment.metadata.name, entry: claim.entry.name };
  if (hold === undefined) return about;
  const before = beforeOf(address, input)?.others?.find(
    other => other.assignment === about.assignment && other.entry === about.entry,
  );
  return { ...about, wait: waitStatus(hold, before?.wait, input) };
}

function beforeOf(address: Address, { previous }: StatusInput): DeviceStatus | undefined {
  return previous && devicesIn(previous).get(address)?.[0];
}

const entriesOf = lookup(({ entries }: Plan) => grouped(entries, ({ assignment }) => assignment));
const assignmentsIn = lookup(({ assignments }: Status) => grouped(assignments, ({ name }) => name));
const devicesIn = lookup(({ devices }: Status) => grouped(devices, ({ address }) => address));

function waitStatus(hold: Hold, before: WaitStatus | undefined, { now }: StatusInput): WaitStatus {
  const since = before?.reason === hold.reason ? Date.parse(before.since) : now;
  const allowedMs = hold.kind === 'wait' ? WAIT_DEADLINE_MS[hold.reason as WaitReason] : Number.POSITIVE_INFINITY;
  const deadline = since + allowedMs;
  return {
    ...hold,
    since: time(since),
    ...(Number.isFinite(deadline) ? { deadline: time(deadline) } : {}),
    overdue: deadline <= now,
  };
}

export function failureStatus(failure: Failure): FailureStatus {
  return {
    count: failure.count,
    error: failure.error,
    since: time(failure.since),
    nextTry: time(failure.until),
  };
}

/** The moment that was last put into words: most of a status are the same one. */
let lastTime = { ms: 0, text: new Date(0).toISOString() };

function time(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}
