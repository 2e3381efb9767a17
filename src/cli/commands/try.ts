import { type Command, Option } from 'commander';
import { readLiveStatus } from '../../daemon/status-file.ts';
import { StopRequests } from '../../daemon/stop-requests.ts';
import type { Trial } from '../../daemon/trial/trial.ts';
import { TrialFile, TrialRunsError } from '../../daemon/trial/trial-file.ts';
import { changesOf, checkedManifest, newManifest } from '../applied.ts';
import { type Context, type Globals, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { manifestsInForce } from '../looks/survey.ts';
import { whoIs } from '../person.ts';
import { trialSeconds } from '../terminal/numbers.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { timeOfDay } from '../terminal/times.ts';
import { endFromElsewhere } from '../trial/ends.ts';
import { showIrreversible } from '../trial/obstacles.ts';
import { newTrial } from '../trial/record.ts';
import { type Typed, watchTrial } from '../trial/watch.ts';

interface Options {
  readonly timeout: number;
  readonly confirm?: boolean;
  readonly revert?: boolean;
}

/** `xenpci try`. */
export function tryCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['Enter keeps it; otherwise it is taken back after two minutes', 'xenpci try sys-net.yaml'],
    ['When your connection goes through the device', 'xenpci try sys-net.yaml --timeout 5m'],
    ['From another terminal: keep it, or go back at once', 'xenpci try --confirm'],
  ])
    .option('--timeout <duration>', 'go back after this time, such as 90, 5m or 1h', trialSeconds, 120)
    .addOption(new Option('--confirm', 'keep what is on trial').conflicts('revert'))
    .option('--revert', 'go back at once')
    .addHelpText(
      'after',
      '\nThe running controller goes back, whatever becomes of this program or terminal.' +
        '\nWhat could not be taken back is not tried. The folder gets the file when it' +
        '\nis kept. Exit codes: 0 kept, 1 went back or refused, 2 error.',
    )
    .action(async (file: string | undefined, options: Options) => {
      const globals = globalsOf(command, shell);
      const isEnd = options.confirm === true || options.revert === true;
      if (isEnd && file !== undefined) throw new CliError('to end a trial, name no file');
      if (isEnd) return end(await endFromElsewhere(shell, globals, options.confirm === true));
      if (file === undefined) throw new CliError('name a file, or end a trial with --confirm or --revert');
      end(await tryFile(shell, await manifestsInForce(globals), file, options.timeout * 1000));
    });
}

async function tryFile(shell: Shell, globals: Globals, file: string, timeoutMs: number): Promise<ExitCode> {
  // What was typed before the question is no answer to it.
  let hear: (text: string) => void = () => undefined;
  const endTyping = shell.onLine?.(text => hear(text));
  const typed: Typed = {
    possible: endTyping !== undefined,
    onLine(listener) {
      hear = listener;
    },
  };
  try {
    const begun = await begin(shell, globals, file, timeoutMs);
    return 'trial' in begun ? await watchTrial(shell, globals, begun, typed) : begun.code;
  } finally {
    endTyping?.();
  }
}

interface Begun {
  readonly trial: Trial;
  /** The assignments of the file. */
  readonly names: readonly string[];
  /** What has asked for its end since just before it began. */
  readonly requests: StopRequests;
}

async function begin(
  shell: Shell,
  globals: Globals,
  file: string,
  timeoutMs: number,
): Promise<Begun | { readonly code: ExitCode }> {
  await requireController(globals);
  const manifest = await newManifest(globals, file);
  const trials = new TrialFile(globals.layout);
  const running = await trials.load().catch(() => undefined);
  if (running !== undefined && (await trials.endOf(running)) === undefined) return refuse(shell, running);
  const looks = await checkedManifest(shell, globals, manifest);
  if (looks === undefined) return { code: ExitCode.different };
  const { before, after } = looks;
  const screen = new Screen(shell.stdout, shell);
  const changes = changesOf(before.source, after.source, manifest.path);
  if (manifest.same) {
    for (const change of changes) screen.line(change);
    return { code: ExitCode.ok };
  }
  if (showIrreversible(shell, looks)) return { code: ExitCode.different };
  const trial = await newTrial({ globals, manifest, timeoutMs, by: whoIs(shell) });
  // From here on: a signal that ended the program now would leave a trial behind that somebody did not want any more.
  const requests = new StopRequests(shell.onStop);
  try {
    await trials.begin(trial);
  } catch (error) {
    requests.end();
    if (error instanceof TrialRunsError) return refuse(shell, error.trial);
    throw new CliError(`the trial cannot be written down: ${String(error)}`, { cause: error });
  }
  for (const change of changes)
    screen.line(`${change} (on trial until ${timeOfDay(new Date(trial.until).toISOString())})`);
  const own = after.source.assignments.filter(({ origin }) => origin.file === manifest.path);
  return { trial, names: own.map(({ assignment }) => assignment.metadata.name), requests };
}

/** @throws {CliError} where nobody would go back. */
async function requireController({ layout, manifests }: Globals): Promise<void> {
  const live = await readLiveStatus(layout);
  if (live === undefined) {
    throw new CliError('no controller runs on this host, so nobody would go back in time; nothing is tried');
  }
  if (live.manifests !== manifests) {
    throw new CliError(`the running controller works by ${live.manifests}, and not by ${manifests}; nothing is tried`);
  }
}

function refuse(shell: Shell, { by, path, until }: Trial): { readonly code: ExitCode } {
  const time = timeOfDay(new Date(until).toISOString());
  const screen = new Screen(shell.stderr, shell);
  screen.line(`${by} tries ${path} until ${time}; to end that: xenpci try --confirm, or xenpci try --revert`, 'bad');
  return { code: ExitCode.different };
}
