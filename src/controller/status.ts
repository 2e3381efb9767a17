import type { Address } from '../api/address.ts';
import { type Condition, type ConditionNow, withTransitionTimes } from '../api/conditions.ts';
import type { ManifestProblem, SourceSnapshot } from '../api/manifest.ts';
import type { Hold, WaitReason } from '../plan/hold.ts';
import { type Observed, type Place, samePlace } from '../plan/observed.ts';
import type { DevicePlan, Plan } from '../plan/plan.ts';
import { type Step, stepText } from '../plan/step.ts';
import { assignmentConditions } from './assignment-conditions.ts';
import type { Failure } from './backoff.ts';

/** Everything that the controller knows, as of one look. Times are RFC 3339 in UTC. */
export interface Status {
  readonly observedAt: string;
  readonly assignments: readonly AssignmentStatus[];
  /** Devices that are claimed or held, by address. */
  readonly devices: readonly DeviceStatus[];
  readonly problems: readonly ManifestProblem[];
}

export interface AssignmentStatus {
  readonly name: string;
  readonly domain: string;
  readonly file: string;
  readonly line: number;
  readonly conditions: readonly Condition[];
  readonly devices: readonly EntryStatus[];
}

/** One device of an assignment; without `address` when the entry names none on this host. */
export interface EntryStatus {
  readonly entry: string;
  readonly address?: Address;
  readonly ready: boolean;
}

export interface DeviceStatus {
  readonly address: Address;
  /** The assignment that names it; absent for one that is being let go of, or claimed by several. */
  readonly assignment?: string;
  readonly have?: Place;
  readonly want?: Place;
  readonly steps: readonly string[];
  readonly wait?: WaitStatus;
  readonly failure?: FailureStatus;
  readonly divergence?: string;
}

/** A hold with its times; `deadline` is absent for guards, which nothing but a person ends. */
export interface WaitStatus extends Hold {
  readonly since: string;
  readonly deadline?: string;
  readonly overdue: boolean;
}

export interface FailureStatus {
  readonly count: number;
  readonly error: string;
  readonly since: string;
  readonly nextTry: string;
}

/** How long each wait may last before it counts as stalled, ms. */
const WAIT_DEADLINE_MS: Readonly<Record<WaitReason, number>> = {
  Settling: 30_000,
  DomainChanging: 120_000,
  DomainPaused: 600_000,
  DomainNotFound: 600_000,
  DeviceMissing: 600_000,
  HeldByOther: 600_000,
  SourceIncomplete: 600_000,
  NeedsRestart: 86_400_000,
  Suspended: Number.POSITIVE_INFINITY,
};

export interface StatusInput {
  readonly plan: Plan;
  readonly observed: Observed;
  readonly source: SourceSnapshot;
  readonly previous?: Status;
  readonly failure: (key: string) => Failure | undefined;
  readonly inFlight: readonly Step[];
  readonly now: number;
}

/** The one place where a look and a plan become what people are told. Pure. */
export function computeStatus(input: StatusInput): Status {
  const devices = [...input.plan.devices.values()].map(device => deviceStatus(device, input));
  const byAddress = new Map(devices.map(device => [device.address, device]));
  return {
    observedAt: time(input.now),
    assignments: input.source.assignments.map(sourced => {
      const entries = input.plan.entries.filter(entry => entry.assignment === sourced);
      const { metadata, spec } = sourced.assignment;
      const conditions = assignmentConditions({ sourced, entries, devices: byAddress, input });
      const before = input.previous?.assignments.find(found => found.name === metadata.name)?.conditions ?? [];
      return {
        name: metadata.name,
        domain: 'uuid' in spec.domain ? spec.domain.uuid : spec.domain.name,
        file: sourced.origin.file,
        line: sourced.origin.line,
        conditions: withTransitionTimes(before, conditions satisfies ConditionNow[], time(input.now)),
        devices: entries.flatMap(entry =>
          entry.claims.length === 0
            ? [{ entry: entry.entry.name, ready: entry.entry.whenMissing === 'Ignore' }]
            : entry.claims.map(({ address }) => ({
                entry: entry.entry.name,
                address,
                ready: isReady(byAddress.get(address), entry.entry.whenMissing),
              })),
        ),
      };
    }),
    devices,
    problems: input.source.problems,
  };
}

/** Whether a device is where it should be, for good; one that may be missing may also be missing. */
export function isReady(device: DeviceStatus | undefined, whenMissing: 'Fail' | 'Ignore'): boolean {
  if (device === undefined) return false;
  if (device.wait?.reason === 'DeviceMissing' && whenMissing === 'Ignore') return true;
  if (device.wait !== undefined || device.have === undefined || device.want === undefined) return false;
  return samePlace(device.have, device.want);
}

function deviceStatus(device: DevicePlan, input: StatusInput): DeviceStatus {
  const { address, have, want, hold } = device;
  const failure = input.failure(address);
  const divergence = input.observed.devices.get(address)?.divergence;
  const [claim] = device.claims;
  return {
    address,
    ...(device.claims.length === 1 && claim !== undefined
      ? { assignment: claim.assignment.assignment.metadata.name }
      : {}),
    ...(have === undefined ? {} : { have }),
    ...(want === undefined ? {} : { want }),
    steps: device.steps.map(stepText),
    ...(hold === undefined ? {} : { wait: waitStatus(address, hold, input) }),
    ...(failure === undefined ? {} : { failure: failureStatus(failure) }),
    ...(divergence === undefined ? {} : { divergence }),
  };
}

function waitStatus(address: Address, hold: Hold, { previous, now }: StatusInput): WaitStatus {
  const before = previous?.devices.find(device => device.address === address)?.wait;
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

function time(ms: number): string {
  return new Date(ms).toISOString();
}
