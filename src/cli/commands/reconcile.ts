import type { Command } from 'commander';
import type { Report } from '../../controller/report.ts';
import type { Status } from '../../controller/status-types.ts';
import { readyOf } from '../../daemon/narration.ts';
import { reconcileOnce } from '../../daemon/run.ts';
import { type Context, type Globals, globalsOf, withExamples } from '../context.ts';
import { control, requireXen } from '../control.ts';
import { CliError, ExitCode } from '../exit.ts';
import { askRunning } from '../looks/ask-running.ts';
import { LOOKING } from '../looks/survey.ts';
import { seconds } from '../terminal/numbers.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { showAssignments } from '../views/assignment-table.ts';

const RESYNC_MS = 30_000;

interface Options {
  readonly once?: boolean;
  readonly timeout: number;
  readonly allowEmpty?: boolean;
}

/** `xenpci reconcile`. */
export function reconcileCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['Let the running controller look now, and wait until it is done', 'xenpci reconcile'],
    ['Without one: once, showing each step', 'xenpci reconcile --once'],
    ['With at most a minute', 'xenpci reconcile --once --timeout 60'],
  ])
    .option('--once', 'be the controller until nothing is left to do; none may run')
    .option('--timeout <duration>', 'give up after this time', seconds, 300)
    .option('--allow-empty', 'with --once: take a missing or empty folder of manifests as: nothing is desired')
    .addHelpText(
      'after',
      '\nWhat has failed is tried again at once. Guards, approvals and other waits stay' +
        '\nas they are.' +
        '\nExit codes: 0 all Ready, 1 something waits, fails or is not valid, 2 error.',
    )
    .action(async (options: Options) => {
      const globals = globalsOf(command, shell);
      if (options.once === true) return end(await once(shell, globals, options));
      if (options.allowEmpty === true) throw new CliError('--allow-empty goes with --once');
      end(await ask(shell, globals, options.timeout));
    });
}

async function once(shell: Shell, globals: Globals, { timeout, allowEmpty = false }: Options): Promise<ExitCode> {
  await requireXen(globals.layout);
  let first: Status | undefined;
  let last: Status | undefined;
  const options = { globals, log: 'text', resyncMs: RESYNC_MS, allowEmpty } as const;
  const onReport = (report: Report): void => {
    if (report.type !== 'StatusChanged') return;
    first ??= report.status;
    last = report.status;
  };
  const outcome = await control(shell, options, parts =>
    showing(
      shell,
      () => (last === undefined ? LOOKING : notReadyText(last)),
      () => reconcileOnce({ ...parts, onReport }, timeout * 1000, shell.onStop),
    ),
  );
  if (outcome === 'forced') return ExitCode.forced;
  if (last === undefined) throw new CliError('the host could not be looked at in time');
  const screen = new Screen(shell.stdout, shell);
  screen.line();
  showEnd(screen, last, first?.observedAt);
  if (outcome === 'timedOut') new Screen(shell.stderr, shell).line(`not done within ${timeout} s`, 'bad');
  return outcome === 'converged' && isReady(last) ? ExitCode.ok : ExitCode.different;
}

async function ask(shell: Shell, globals: Globals, timeout: number): Promise<ExitCode> {
  const ending = new AbortController();
  const release = shell.onStop(() => ending.abort());
  const errors = new Screen(shell.stderr, shell);
  try {
    const { waited, status, controller } = await showing(shell, 'waiting for the running controller', () =>
      askRunning(globals, timeout * 1000, ending.signal),
    );
    if (waited === 'stopped') return ExitCode.forced;
    showEnd(new Screen(shell.stdout, shell), status);
    if (waited === 'timedOut') {
      errors.line(`the running controller (process ${controller}) is not done within ${timeout} s`, 'bad');
    }
    return waited === 'met' && isReady(status) ? ExitCode.ok : ExitCode.different;
  } finally {
    release();
  }
}

/** @param from RFC 3339: since when it is known how things are; whoever has looked on all the time knows it. */
function showEnd(screen: Screen, { assignments }: Status, from?: string): void {
  showAssignments(screen, assignments, { now: Date.now(), wide: false, ...(from === undefined ? {} : { from }) });
}

/** What is not in place yet, in one line. */
function notReadyText({ assignments }: Status): string {
  const open = assignments.flatMap(assignment => {
    const ready = readyOf(assignment);
    return ready?.status === 'True' ? [] : [`${assignment.name} (${ready?.reason})`];
  });
  return open.length === 0 ? LOOKING : `not in place yet: ${open.join(', ')}`;
}

function isReady({ assignments, devices, problems }: Status): boolean {
  // What waits to be approved may belong to no assignment any more.
  const asks = devices.some(device => device.afterApproval !== undefined);
  return problems.length === 0 && !asks && assignments.every(assignment => readyOf(assignment)?.status === 'True');
}
