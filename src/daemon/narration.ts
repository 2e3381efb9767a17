import type { ManifestProblem } from '../api/manifest.ts';
import { NOTHING_SUSPENDED, type Suspensions } from '../api/suspension.ts';
import type { Report } from '../controller/report.ts';
import type { Status } from '../controller/status-types.ts';
import { stepText } from '../plan/step.ts';
import { formatProblem } from '../source/problem.ts';
import { durationText, untilText } from './duration.ts';
import { type Happening, ref } from './events/event.ts';
import { type About, eventLine, type Line, line } from './line.ts';
import { statusLines } from './narrated-status.ts';
import { aboutStep } from './narrated-step.ts';
import { suspensionLines } from './narrated-suspensions.ts';

export type { Line } from './line.ts';
export { readyOf } from './narrated-status.ts';

/** How many problems of manifests are shown at once; `xenpci validate` shows all. */
const PROBLEMS_SHOWN_MAX = 20;
/** How many devices one line names. */
const DEVICES_SHOWN_MAX = 8;

/** Turns what the controller reports into lines. It remembers the last status, since only what changes is worth a line. */
export class Narration {
  readonly #now: () => number;
  readonly #resyncMs: number;
  #status: Status | undefined;
  #suspensions: Suspensions = NOTHING_SUSPENDED;

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
        return [started(report)];
      case 'StepPerformed':
        return [performed(report)];
      case 'StepFailed':
        return [failedStep(report, this.#now())];
      case 'LookFailed':
        return [this.#failed(report, `cannot look at the host: ${report.error}`)];
      case 'RecordFailed':
        return [this.#failed(report, report.error)];
      case 'ApprovalsUnreadable':
        return [unapproved(report)];
      case 'HostSlept':
        return [slept(report)];
      case 'ManifestProblems':
        return problems(report.problems);
      case 'SuspensionsChanged': {
        const before = this.#suspensions;
        this.#suspensions = report.suspensions;
        return suspensionLines(before, report.suspensions);
      }
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
    const about = { action: type === 'LookFailed' ? 'Look' : 'Record', regarding: HOST, note: what };
    return eventLine('error', type, message, { error, retryAt: new Date(next).toISOString() }, about);
  }
}

const HOST = ref('host', 'dom0');

function unapproved({ type, error }: Report & { type: 'ApprovalsUnreadable' }): Line {
  const about = { action: 'Read', regarding: HOST };
  return eventLine('error', type, `${error}; until then nothing counts as approved`, {}, about);
}

function slept({ type, sleptMs, given }: Report & { type: 'HostSlept' }): Line {
  const shown = given.slice(0, DEVICES_SHOWN_MAX).map(({ device, domain }) => `${device} of ${domain}`);
  const more = given.length > shown.length ? [`${given.length - shown.length} more`] : [];
  const what = given.length === 0 ? '' : `; what drivers had set is lost in ${[...shown, ...more].join(', ')}`;
  const about = { action: 'Look', regarding: HOST };
  return eventLine(
    given.length === 0 ? 'info' : 'warn',
    type,
    `the host has slept for ${durationText(sleptMs)}${what}`,
    { sleptMs, given },
    about,
  );
}

/** The attempt is told of when it has ended. */
function started({ type, step, askedBy }: Report & { type: 'StepStarted' }): Line {
  return line('info', type, stepText(step), { step, askedBy });
}

function performed({ type, step, askedBy, durationMs, note }: Report & { type: 'StepPerformed' }): Line {
  const suffix = note === undefined ? '' : `; ${note}`;
  const fields = { step, askedBy, durationMs, ...(note === undefined ? {} : { note }) };
  const about = { ...aboutStep(step, askedBy), note: `${stepText(step)}${suffix}` };
  return eventLine('info', type, `${stepText(step)} (${durationText(durationMs)})${suffix}`, fields, about);
}

function failedStep(report: Report & { type: 'StepFailed' }, now: number): Line {
  const { type, step, askedBy, durationMs, error, retryAt } = report;
  const message = `${stepText(step)}: ${error}; next try ${untilText(retryAt, now)}`;
  const fields = { step, askedBy, durationMs, error, retryAt: new Date(retryAt).toISOString() };
  return eventLine('error', type, message, fields, {
    ...aboutStep(step, askedBy),
    note: `${stepText(step)}: ${error}`,
  });
}

function problems(all: readonly ManifestProblem[]): Line[] {
  if (all.length === 0) return [valid()];
  const shown = all.slice(0, PROBLEMS_SHOWN_MAX).map(problem => {
    const { file, code, field, message } = problem;
    const fields = { file, line: problem.line, column: problem.column, code, field, problem: message };
    return line('error', 'ManifestProblem', formatProblem(problem), fields, aboutProblem(problem));
  });
  const more = all.length - shown.length;
  if (more === 0) return shown;
  return [...shown, line('error', 'ManifestProblem', `and ${more} more: xenpci validate shows all`, { more })];
}

function valid(): Line {
  return eventLine('info', 'ManifestsValid', 'all manifests are valid again', {}, { action: 'Read', regarding: HOST });
}

function aboutProblem({
  file,
  line: row,
  column,
  code,
  field,
  message,
}: ManifestProblem): About & Pick<Happening, 'reason'> {
  const place = `${file}:${row}:${column}`;
  const note = field === '' ? `${place}: ${message}` : `${place}: ${field}: ${message}`;
  return { action: 'Read', reason: code, regarding: ref('manifest', file), note };
}
