import type { Command } from 'commander';
import type { Report } from '../../controller/report.ts';
import type { Status } from '../../controller/status-types.ts';
import { readyOf } from '../../daemon/narration.ts';
import { reconcileOnce } from '../../daemon/run.ts';
import { showAssignments } from '../assignment-table.ts';
import { type Context, globalsOf, newCommand } from '../context.ts';
import { control, requireXen } from '../control.ts';
import { CliError, ExitCode } from '../exit.ts';
import { seconds } from '../numbers.ts';
import { Screen } from '../screen.ts';

const RESYNC_MS = 30_000;

interface Options {
  readonly timeout: number;
  readonly allowEmpty?: boolean;
}

/** `xenpci reconcile`. */
export function reconcileCommand({ shell, end }: Context): Command {
  return newCommand('reconcile', 'Bring everything into place, then exit', [
    ['Once, showing each step', 'xenpci reconcile --once'],
    ['With at most a minute', 'xenpci reconcile --once --timeout 60'],
  ])
    .requiredOption('--once', 'exit when nothing is left to do; `xenpci run` goes on')
    .option('--timeout <seconds>', 'give up after this time', seconds, 300)
    .option('--allow-empty', 'take a missing or empty folder of manifests as: nothing is desired')
    .addHelpText('after', '\nExit codes: 0 all Ready, 1 something waits, fails or is not valid, 2 error.')
    .action(async ({ timeout, allowEmpty = false }: Options, command: Command) => {
      const globals = globalsOf(command, shell);
      await requireXen(globals.layout);
      let last: Status | undefined;
      const options = { globals, log: 'text', resyncMs: RESYNC_MS, allowEmpty } as const;
      const onReport = (report: Report): void => {
        if (report.type === 'StatusChanged') last = report.status;
      };
      const outcome = await control(shell, options, parts =>
        reconcileOnce({ ...parts, onReport }, timeout * 1000, shell.onStop),
      );
      if (outcome === 'forced') return end(ExitCode.forced);
      if (last === undefined) throw new CliError('the host could not be looked at in time');
      showEnd(new Screen(shell.stdout, shell), last);
      if (outcome === 'timedOut') new Screen(shell.stderr, shell).line(`not done within ${timeout} s`, 'bad');
      end(outcome === 'converged' && isReady(last) ? ExitCode.ok : ExitCode.different);
    });
}

function showEnd(screen: Screen, { assignments }: Status): void {
  screen.line();
  showAssignments(screen, assignments, { now: undefined, wide: false });
}

function isReady({ assignments, devices, problems }: Status): boolean {
  // What waits to be approved may belong to no assignment any more.
  const asks = devices.some(device => device.afterApproval !== undefined);
  return problems.length === 0 && !asks && assignments.every(assignment => readyOf(assignment)?.status === 'True');
}
