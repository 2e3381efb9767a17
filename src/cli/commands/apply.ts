import type { Command } from 'commander';
import { changesOf, checkedManifest, type NewManifest, newManifest, putIntoFolder } from '../applied.ts';
import { type Context, type Globals, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { manifestsInForce } from '../looks/survey.ts';
import { seconds } from '../terminal/numbers.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { showPlan } from '../views/plan-view.ts';
import { waitFor } from './wait.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
}

/** `xenpci apply`. */
export function applyCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['See what it would do', 'xenpci apply sys-net.yaml --dry-run'],
    ['Do it, and wait until the guest has its devices', 'xenpci apply sys-net.yaml --wait'],
  ])
    .option('--dry-run', 'check it and show the plan, and write nothing')
    .option('--wait', 'wait until its assignments are Ready; a running controller does the work')
    .option('--timeout <duration>', 'with --wait: give up after this time; the file stays', seconds, 120)
    .addHelpText(
      'after',
      '\nWhat is not valid is not put there. A folder that Git manages is left alone.' +
        '\nExit codes: 0 done, 1 not valid, or not Ready in time, 2 error.',
    )
    .action(async (file: string, options: Options) => {
      const globals = await manifestsInForce(globalsOf(command, shell));
      end(await apply(shell, globals, await newManifest(globals, file), options));
    });
}

async function apply(shell: Shell, globals: Globals, manifest: NewManifest, options: Options): Promise<ExitCode> {
  const { path } = manifest;
  const looks = await checkedManifest(shell, globals, manifest);
  if (looks === undefined) return ExitCode.different;
  const { before, after } = looks;
  const screen = new Screen(shell.stdout, shell);
  const changes = changesOf(before.source, after.source, path);
  if (options.dryRun === true) {
    for (const change of changes) screen.line(`${change} (dry run)`);
    screen.line();
    showPlan(screen, after);
    return ExitCode.ok;
  }
  if (options.wait === true && after.controller === undefined) {
    throw new CliError('no controller runs on this host, so there is nothing to wait for; nothing was written');
  }
  if (!manifest.same) await putIntoFolder(manifest);
  for (const change of changes) screen.line(change);
  const names = after.source.assignments
    .filter(({ origin }) => origin.file === path)
    .map(({ assignment }) => assignment.metadata.name);
  if (options.wait !== true || names.length === 0) return ExitCode.ok;
  const goal = { type: 'condition', condition: 'Ready', status: 'True' } as const;
  return waitFor(shell, { ...globals, manifestsGiven: true }, { names, goal, timeoutMs: options.timeout * 1000 });
}
