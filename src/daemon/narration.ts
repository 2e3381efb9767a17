import type { Condition } from '../api/conditions.ts';
import type { ManifestProblem } from '../api/manifest.ts';
import type { Report } from '../controller/report.ts';
import type { AssignmentStatus, DeviceStatus, Status } from '../controller/status-types.ts';
import { stepText } from '../plan/step.ts';
import { formatProblem } from '../source/problem.ts';
import { durationText, untilText } from './duration.ts';

/** One thing worth a line in a log. */
export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  /** CamelCase, for programs. */
  readonly event: string;
  /** A sentence for people; further lines only where an excerpt of a file is shown. */
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How many problems of manifests are shown at once; `xenpci validate` shows all. */
const PROBLEMS_SHOWN_MAX = 20;

/** Turns what the controller reports into lines. It remembers the last status, since only what changes is worth a line. */
export class Narration {
  readonly #now: () => number;
  readonly #resyncMs: number;
  #status: Status | undefined;

  /**
   * @param now ms since the epoch.
   * @param resyncMs the longest time between two looks: a failed look is not put off for longer.
   */
  constructor(now: () => number, resyncMs: number) {
    this.#now = now;
    this.#resyncMs = resyncMs;
  }

  lines(report: Report): readonly Line[] {
    switch (report.type) {
      case 'StepStarted':
        return [line('info', report.type, stepText(report.step), { step: report.step })];
      case 'StepPerformed':
        return [performed(report)];
      case 'StepFailed':
        return [failedStep(report, this.#now())];
      case 'LookFailed':
        return [this.#failed(report, `cannot look at the host: ${report.error}`)];
      case 'RecordFailed':
        return [this.#failed(report, report.error)];
      case 'ApprovalsUnreadable':
        return [line('error', report.type, `${report.error}; until then nothing counts as approved`, {})];
      case 'ManifestProblems':
        return problems(report.problems);
      case 'StatusChanged': {
        const before = this.#status;
        this.#status = report.status;
        return statusLines(before, report.status);
      }
    }
  }

  #failed({ type, error, retryAt }: Report & { type: 'LookFailed' | 'RecordFailed' }, what: string): Line {
    const now = this.#now();
    const next = Math.min(retryAt, now + this.#resyncMs);
    const message = `${what}; no step is taken; next try ${untilText(next, now)}`;
    return line('error', type, message, { error, retryAt: new Date(next).toISOString() });
  }
}

function line(level: Line['level'], event: string, message: string, fields: Line['fields']): Line {
  return { level, event, message, fields };
}

function performed({ type, step, durationMs, note }: Report & { type: 'StepPerformed' }): Line {
  const suffix = note === undefined ? '' : `; ${note}`;
  const fields = { step, durationMs, ...(note === undefined ? {} : { note }) };
  return line('info', type, `${stepText(step)} (${durationText(durationMs)})${suffix}`, fields);
}

function failedStep(report: Report & { type: 'StepFailed' }, now: number): Line {
  const { type, step, durationMs, error, retryAt } = report;
  const message = `${stepText(step)}: ${error}; next try ${untilText(retryAt, now)}`;
  return line('error', type, message, { step, durationMs, error, retryAt: new Date(retryAt).toISOString() });
}

function problems(all: readonly ManifestProblem[]): Line[] {
  if (all.length === 0) return [line('info', 'ManifestsValid', 'all manifests are valid again', {})];
  const shown = all.slice(0, PROBLEMS_SHOWN_MAX).map(problem => {
    const { file, code, field, message } = problem;
    const fields = { file, line: problem.line, column: problem.column, code, field, problem: message };
    return line('error', 'ManifestProblem', formatProblem(problem), fields);
  });
  const more = all.length - shown.length;
  if (more === 0) return shown;
  return [...shown, line('error', 'ManifestProblem', `and ${more} more: xenpci validate shows all`, { more })];
}

function statusLines(before: Status | undefined, after: Status): Line[] {
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
    ...(before?.assignments ?? [])
      .filter(item => !names.has(item.name))
      .map(({ name }) => line('info', 'AssignmentGone', `${name} is no longer in the manifests`, { assignment: name })),
  ];
}

function elsewhereLines(before: Status | undefined, { assignments, elsewhere }: Status): Line[] {
  const same =
    before?.elsewhere?.objects === elsewhere?.objects &&
    (before?.assignments.length === 0) === (assignments.length === 0);
  if (elsewhere === undefined || same) return [];
  const { objects, host } = elsewhere;
  const others = `${objects} ${objects === 1 ? 'object is' : 'objects are'} for other hosts`;
  if (assignments.length > 0) return [line('info', 'OtherHosts', `${others} than ${host}`, { ...elsewhere })];
  return [line('warn', 'OtherHosts', `no assignment is for this host, ${host}; ${others}`, { ...elsewhere })];
}

function deviceLines(before: DeviceStatus | undefined, after: DeviceStatus): Line[] {
  return [...waitLines(before, after), ...divergenceLines(before, after)];
}

function waitLines(before: DeviceStatus | undefined, after: DeviceStatus): Line[] {
  const { address, wait } = after;
  if (wait === undefined) {
    if (before?.wait === undefined) return [];
    const message = `${address} waits no longer (${before.wait.reason})`;
    return [line('info', 'WaitEnded', message, { device: address, reason: before.wait.reason })];
  }
  const same = before?.wait?.reason === wait.reason && before.wait.message === wait.message;
  if (same && before.wait?.overdue === wait.overdue) return [];
  const verb = wait.kind === 'guard' ? 'is refused' : wait.overdue ? 'waits too long' : 'waits';
  const fields = { device: address, reason: wait.reason, since: wait.since, overdue: wait.overdue };
  return [line('warn', 'WaitBegan', `${address} ${verb}: ${wait.reason}: ${wait.message}`, fields)];
}

function divergenceLines(before: DeviceStatus | undefined, after: DeviceStatus): Line[] {
  const { address, divergence } = after;
  if (divergence === before?.divergence) return [];
  if (divergence === undefined) {
    return [line('info', 'DivergenceEnded', `${address}: all views agree again`, { device: address })];
  }
  return [line('warn', 'Diverged', `${address}: Diverged: ${divergence}`, { device: address, divergence })];
}

function assignmentLines(before: AssignmentStatus | undefined, after: AssignmentStatus): Line[] {
  const was = before === undefined ? undefined : readyOf(before);
  const ready = readyOf(after);
  if (ready === undefined || (was?.status === ready.status && was.reason === ready.reason)) return [];
  const fields = { assignment: after.name, ready: ready.status, reason: ready.reason };
  if (ready.status === 'True') return [line('info', 'Ready', `${after.name} is ready: ${ready.message}`, fields)];
  // The steps themselves have lines of their own.
  if (ready.reason === 'Progressing') return [line('info', 'NotReady', `${after.name} is not in place yet`, fields)];
  return [line('warn', 'NotReady', `${after.name} is not ready: ${ready.reason}: ${ready.message}`, fields)];
}

/** The condition that says whether an assignment is ready. */
export function readyOf(assignment: AssignmentStatus): Condition | undefined {
  return assignment.conditions.find(condition => condition.type === 'Ready');
}
