import type { Address } from '../api/address.ts';
import { type ConditionNow, withTransitionTimes } from '../api/conditions.ts';
import type { DevicePlan } from '../plan/device-plan.ts';
import type { Hold, WaitReason } from '../plan/hold.ts';
import { stepKey, stepText } from '../plan/step.ts';
import { assignmentConditions, type StatusInput } from './assignment-conditions.ts';
import type { Failure } from './backoff.ts';
import { type DeviceStatus, type FailureStatus, isReady, type Status, type WaitStatus } from './status-types.ts';

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

function deviceStatus(device: DevicePlan, input: StatusInput): DeviceStatus {
  const { address, have, want, hold } = device;
  const failure = input.failure(address);
  const divergence = input.observed.devices.get(address)?.divergence;
  const underWay = input.open.find(step => stepKey(step) === address);
  const [claim] = device.claims;
  return {
    address,
    ...(device.claims.length === 1 && claim !== undefined
      ? { assignment: claim.assignment.assignment.metadata.name }
      : {}),
    ...(have === undefined ? {} : { have }),
    ...(want === undefined ? {} : { want }),
    ...(underWay === undefined ? {} : { underWay: stepText(underWay) }),
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
