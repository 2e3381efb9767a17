import type { Condition } from '../api/conditions.ts';
import type { AssignmentStatus, DeviceStatus, Status } from '../controller/status-types.ts';
import { type ObjectRef, ref } from './events/event.ts';
import { eventLine, type Line, line } from './line.ts';

/** What has changed from one status to the next, as lines. */
export function statusLines(before: Status | undefined, after: Status): Line[] {
  const device = new Map(before?.devices.map(item => [item.address, item]));
  const stillThere = new Set(after.devices.map(item => item.address));
  const gone = before?.devices.filter(item => !stillThere.has(item.address)) ?? [];
  const assignment = new Map(before?.assignments.map(item => [item.name, item]));
  const names = new Set(after.assignments.map(item => item.name));
  return [
    ...elsewhereLines(before, after),
    ...after.devices.flatMap(item => deviceLines(device.get(item.address), item)),
    ...gone.flatMap(item => deviceLines(item, { address: item.address, steps: [] })),
    ...after.assignments.flatMap(item => assignmentLines(assignment.get(item.name), item)),
    ...(before?.assignments ?? []).filter(item => !names.has(item.name)).map(({ name }) => assignmentGone(name)),
  ];
}

function assignmentGone(name: string): Line {
  const about = { action: 'Read', regarding: ref('assignment', name) };
  return eventLine('info', 'AssignmentGone', `${name} is no longer in the manifests`, { assignment: name }, about);
}

function elsewhereLines(before: Status | undefined, { assignments, elsewhere }: Status): Line[] {
  const same =
    before?.elsewhere?.objects === elsewhere?.objects &&
    (before?.assignments.length === 0) === (assignments.length === 0);
  if (elsewhere === undefined || same) return [];
  const { objects, host } = elsewhere;
  const others = `${objects} ${objects === 1 ? 'object is' : 'objects are'} for other hosts`;
  const about = { action: 'Read', regarding: ref('host', 'dom0') };
  if (assignments.length > 0)
    return [eventLine('info', 'OtherHosts', `${others} than ${host}`, { ...elsewhere }, about)];
  return [
    eventLine('warn', 'OtherHosts', `no assignment is for this host, ${host}; ${others}`, { ...elsewhere }, about),
  ];
}

function deviceLines(before: DeviceStatus | undefined, after: DeviceStatus): Line[] {
  return [...waitLines(before, after), ...divergenceLines(before, after)];
}

function waitLines(before: DeviceStatus | undefined, after: DeviceStatus): Line[] {
  const { address, wait } = after;
  if (wait === undefined) {
    if (before?.wait === undefined) return [];
    const { reason } = before.wait;
    const message = `${address} waits no longer (${reason})`;
    return [eventLine('info', 'WaitEnded', message, { device: address, reason }, aboutDevice('Wait', before))];
  }
  const same = before?.wait?.reason === wait.reason && before.wait.message === wait.message;
  if (same && before.wait?.overdue === wait.overdue) return [];
  const verb = wait.kind === 'guard' ? 'is refused' : wait.overdue ? 'waits too long' : 'waits';
  const fields = { device: address, reason: wait.reason, since: wait.since, overdue: wait.overdue };
  const about = { ...aboutDevice(wait.kind === 'guard' ? 'Refuse' : 'Wait', after), reason: wait.reason };
  return [line('warn', 'WaitBegan', `${address} ${verb}: ${wait.reason}: ${wait.message}`, fields, about)];
}

function divergenceLines(before: DeviceStatus | undefined, after: DeviceStatus): Line[] {
  const { address, divergence } = after;
  if (divergence === before?.divergence) return [];
  if (divergence === undefined) {
    const message = `${address}: all views agree again`;
    return [eventLine('info', 'DivergenceEnded', message, { device: address }, aboutDevice('Look', after))];
  }
  const message = `${address}: Diverged: ${divergence}`;
  return [eventLine('warn', 'Diverged', message, { device: address, divergence }, aboutDevice('Look', after))];
}

function aboutDevice(
  action: string,
  { address, assignment }: DeviceStatus,
): { action: string; regarding: ObjectRef; related: readonly ObjectRef[] } {
  const related = assignment === undefined ? [] : [ref('assignment', assignment)];
  return { action, regarding: ref('device', address), related };
}

function assignmentLines(before: AssignmentStatus | undefined, after: AssignmentStatus): Line[] {
  const was = before === undefined ? undefined : readyOf(before);
  const ready = readyOf(after);
  if (ready === undefined || (was?.status === ready.status && was.reason === ready.reason)) return [];
  const fields = { assignment: after.name, ready: ready.status, reason: ready.reason };
  const { name, domain } = after;
  const regarding = ref('assignment', name);
  const about = { action: 'Judge', reason: ready.reason, regarding, related: [ref('domain', domain)] };
  if (ready.status === 'True') return [line('info', 'Ready', `${name} is ready: ${ready.message}`, fields, about)];
  // The steps themselves have lines of their own.
  if (ready.reason === 'Progressing') return [line('info', 'NotReady', `${name} is not in place yet`, fields, about)];
  return [line('warn', 'NotReady', `${name} is not ready: ${ready.reason}: ${ready.message}`, fields, about)];
}

/** The condition that says whether an assignment is ready. */
export function readyOf(assignment: AssignmentStatus): Condition | undefined {
  return assignment.conditions.find(condition => condition.type === 'Ready');
}
