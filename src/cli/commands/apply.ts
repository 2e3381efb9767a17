import type { Command } from 'commander';
import { messageOf } from '../../daemon/message-of.ts';
import { replaceFile } from '../../host/replace-file.ts';
import { changesOf, type NewManifest, newManifest, problemsOf } from '../applied.ts';
import { type Context, type Globals, globalsOf, newCommand } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { seconds } from '../numbers.ts';
import { showPlan } from '../plan-view.ts';
import { showProblems } from '../problems.ts';
import { Screen } from '../screen.ts';
import type { Shell } from '../shell.ts';
import { manifestsInForce, openLookout, type Survey } from '../survey.ts';
import { waitFor } from './wait.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
}

/** `xenpci apply`. */
export function applyCommand({ shell, end }: Context): Command {
  return newCommand('apply', 'Check a manifest with all others, and put it into their folder', [
    ['See what it would do', 'xenpci apply sys-net.yaml --dry-run'],
    ['Do it, and wait until the guest has its devices', 'xenpci apply sys-net.yaml --wait'],
  ])
    .argument('<file>', 'goes into the folder under its own name, in place of a file of that name')
    .option('--dry-run', 'check it and show the plan, and write nothing')
    .option('--wait', 'wait until its assignments are Ready; a running controller does the work')
    .option('--timeout <seconds>', 'with --wait: give up after this time; the file stays', seconds, 120)
    .addHelpText(
      'after',
      '\nWhat is not valid is not put there. A folder that Git manages is left alone.' +
        '\nExit codes: 0 done, 1 not valid, or not Ready in time, 2 error.',
    )
    .action(async (file: string, options: Options, command: Command) => {
      const globals = await manifestsInForce(globalsOf(command, shell));
      end(await apply(shell, globals, await newManifest(globals, file), options));
    });
}

async function apply(shell: Shell, globals: Globals, manifest: NewManifest, options: Options): Promise<ExitCode> {
  const { path } = manifest;
  const [before, after] = await looks(globals, manifest);
  const problems = problemsOf(after.source, path);
  if (problems.length > 0) {
    const errors = new Screen(shell.stderr, shell);
    showProblems(errors, problems);
    errors.line('Nothing was written.', 'bad');
    return ExitCode.different;
  }
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
  if (!manifest.same) await write(manifest);
  for (const change of changes) screen.line(change);
  const names = after.source.assignments
    .filter(({ origin }) => origin.file === path)
    .map(({ assignment }) => assignment.metadata.name);
  if (options.wait !== true || names.length === 0) return ExitCode.ok;
  const goal = { type: 'condition', condition: 'Ready', status: 'True' } as const;
  return waitFor(shell, { ...globals, manifestsGiven: true }, { names, goal, timeoutMs: options.timeout * 1000 });
}

/** The host as it is, and as it would be seen with the file. */
async function looks(globals: Globals, { path, bytes }: NewManifest): Promise<readonly [Survey, Survey]> {
  const one = async (overlay?: { readonly path: string; readonly bytes: Buffer }): Promise<Survey> => {
    const lookout = await openLookout({ ...globals, manifestsGiven: true }, overlay);
    try {
      return await lookout.survey();
    } finally {
      await lookout.close();
    }
  };
  return [await one(), await one({ path, bytes })];
}

/** In one rename: whoever reads the folder sees the old file or the new one. */
async function write({ path, bytes }: NewManifest): Promise<void> {
  await replaceFile(path, bytes.toString('utf8'), { mode: 0o644, durable: true, shared: true }).catch(
    (cause: unknown) => {
      throw new CliError(`${path} cannot be written: ${messageOf(cause)}`, { cause });
    },
  );
}
