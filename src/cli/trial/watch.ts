import { Wake } from '../../controller/wake.ts';
import { watchStateFile } from '../../daemon/file-watch.ts';
import { readyOf } from '../../daemon/narration.ts';
import { type LiveStatus, readLiveStatus } from '../../daemon/status-file.ts';
import type { StopRequests, StopSignal } from '../../daemon/stop-requests.ts';
import { momentOf } from '../../daemon/trial/moment.ts';
import { endOf, type Trial, type TrialEnd, timeLeft } from '../../daemon/trial/trial.ts';
import { hashAt, TrialFile } from '../../daemon/trial/trial-file.ts';
import type { Globals } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { PROGRESS_MS } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { timeOfDay } from '../terminal/times.ts';
import { isTakenUp, untilTakenBack } from './back.ts';
import { endTrial, showEnd } from './ends.ts';

/** What a person types while the trial runs. */
export interface Typed {
  /** Whether anybody can. */
  readonly possible: boolean;
  /** Who hears each line from now on. */
  readonly onLine: (hear: (text: string) => void) => void;
}

export interface Watched {
  readonly trial: Trial;
  /** The assignments that it is about. */
  readonly names: readonly string[];
  /** What asks for its end: it is ended here. */
  readonly requests: StopRequests;
}

/**
 * Goes along with a trial until it is over. Enter keeps it, another answer, ctrl-C or SIGTERM takes it back at once. When
 * the terminal goes, the trial goes on: the connection may have gone through the device, and can come back in time.
 */
export async function watchTrial(
  shell: Shell,
  globals: Globals,
  { trial, names, requests }: Watched,
  typed: Typed,
): Promise<ExitCode> {
  const { layout } = globals;
  const file = new TrialFile(layout);
  const line = shell.status;
  const wake = new Wake();
  let answer: 'keep' | 'back' | 'leave' | undefined;
  const answered = (what: NonNullable<typeof answer>): void => {
    answer ??= what;
    wake.now();
  };
  typed.onLine(text => answered(/^\s*(y|yes)?\s*$/i.test(text) ? 'keep' : 'back'));
  const onSignal = (signal?: StopSignal): void => answered(signal === 'SIGHUP' ? 'leave' : 'back');
  const ends = [
    () => requests.end(),
    watchStateFile(
      file.path,
      () => wake.now(),
      () => undefined,
    ),
  ];
  requests.listen(onSignal);
  const tick = setInterval(() => wake.now(), PROGRESS_MS);
  const decide = async (): Promise<ExitCode> => {
    for (;;) {
      const over = await endNow(globals, file, trial);
      // Asked only after the wait above: the terminal may have gone in it, and that must not take the trial back.
      if (answer === 'leave') return ExitCode.different;
      if (over !== undefined || answer !== undefined) return finish(over);
      line.show(progressText(await readLiveStatus(layout), trial, names, await secondsLeft(globals, trial)));
      await wake.wait();
    }
  };
  const finish = async (over: TrialEnd | undefined): Promise<ExitCode> => {
    const keep = answer === 'keep';
    const how = over ?? (await endTrial(shell, file, trial, keep)) ?? (keep ? 'confirmed' : 'reverted');
    line.clear();
    const code = showEnd(shell, trial, how);
    if (how !== 'confirmed') await untilTakenBack(shell, layout, trial);
    return code;
  };
  try {
    invite(shell, trial, typed.possible);
    return await decide();
  } finally {
    clearInterval(tick);
    for (const end of ends) end();
  }
}

function invite(shell: Shell, { until }: Trial, isTerminal: boolean): void {
  const time = timeOfDay(new Date(until).toISOString());
  const how = isTerminal ? 'Enter keeps it, ctrl-C goes back at once' : 'xenpci try --confirm keeps it';
  new Screen(shell.stderr, shell).line(`On trial until ${time}: ${how}.`);
}

async function secondsLeft({ layout }: Globals, trial: Trial): Promise<number> {
  return Math.ceil(timeLeft(trial, await momentOf(layout)) / 1000);
}

/** How it stands with the assignments, by what the controller has told. */
function progressText(live: LiveStatus | undefined, trial: Trial, names: readonly string[], left: number): string {
  const time = `${left} s left`;
  if (live === undefined) return `${time}; no controller runs: it goes back when one does`;
  if (!isTakenUp(live, trial)) return `${time}; the controller has not taken it up yet`;
  const states = live.status.assignments
    .filter(({ name }) => names.includes(name))
    .map(
      found => `${found.name} ${readyOf(found)?.status === 'True' ? 'Ready' : `not Ready: ${readyOf(found)?.reason}`}`,
    );
  return [time, ...states].join('; ');
}

/** How the trial has ended, if it has. The controller takes its record away when it has told of it. */
async function endNow({ layout }: Globals, file: TrialFile, trial: Trial): Promise<TrialEnd | undefined> {
  const record = await file.load().catch(() => trial);
  const now = await momentOf(layout);
  const present = await hashAt(trial.path).catch(() => trial.before);
  const end = endOf(record?.id === trial.id ? record : trial, now, present);
  return end ?? (record?.id === trial.id ? undefined : goneEnd(trial, present));
}

/** The record is gone before the time is up: somebody has ended it. */
function goneEnd(trial: Trial, present: string | undefined): TrialEnd {
  return endOf({ ...trial, timeoutMs: 0 }, { bootId: trial.bootId, uptimeMs: trial.begunUptimeMs }, present) ===
    'confirmed'
    ? 'confirmed'
    : 'reverted';
}
