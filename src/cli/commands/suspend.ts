import { type Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../../controller/message-of.ts';
import { readyOf } from '../../daemon/narration.ts';
import type { LiveStatus } from '../../daemon/status-file.ts';
import { REASON_MAX, SuspensionFile, SuspensionsUnusableError } from '../../daemon/suspension-file.ts';
import { safeLine } from '../../source/terminal.ts';
import { type Context, type Globals, globalsOf, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { noAssignmentText } from '../find.ts';
import { awaitPublished } from '../looks/await.ts';
import { assignmentsInForce, READING } from '../looks/in-force.ts';
import { manifestsInForce } from '../looks/survey.ts';
import { bareName } from '../object-names.ts';
import { whoIs } from '../person.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';

/** How long a running controller is waited for, ms. */
const HEARD_MS = 10_000;

/** `xenpci suspend`. */
export function suspendCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['While you work on a guest', 'xenpci suspend sys-net --reason "new driver under test"'],
    ['See what is suspended', 'xenpci get assignments'],
  ])
    .option('--reason <text>', 'why, for whoever meets it', reason)
    .addHelpText(
      'after',
      '\nNo step is taken for it, as with suspend: true in its manifest, which stays as' +
        '\nit is. That holds over restarts and reboots, and when its manifest goes. A step' +
        '\nthat is under way comes to its end, and is waited for.' +
        '\nExit codes: 0 it is suspended, 2 error.',
    )
    .action(async (text: string, options: { reason?: string }) => {
      const name = bareName(text);
      const globals = await manifestsInForce(globalsOf(command, shell));
      const known = (await showing(shell, READING, () => assignmentsInForce(globals))).map(
        ({ assignment }) => assignment.metadata.name,
      );
      if (!known.includes(name)) throw new CliError(noAssignmentText(name, known, globals.manifests));
      const by = whoIs(shell);
      const since = Date.now();
      const wanted = { assignment: name, since, by, ...options };
      const holds = await written(() => new SuspensionFile(globals.layout).suspend(wanted));
      const screen = new Screen(shell.stdout, shell);
      screen.line(
        holds === wanted
          ? `${name} is suspended. To go on: xenpci resume ${name}`
          : `${name} is suspended already, by ${holds.by} since ${new Date(holds.since).toISOString()}.`,
      );
      end(await untilHeard(shell, globals, name));
    });
}

/** Waits until the running controller, if there is one, leaves it alone: a step that is under way is not called off. */
async function untilHeard(shell: Shell, globals: Globals, name: string): Promise<ExitCode> {
  const ending = new AbortController();
  const release = shell.onStop(() => ending.abort());
  const judge = (live: LiveStatus | undefined): boolean => {
    const status = live?.status.assignments.find(each => each.name === name);
    // Without one, or with one that does not know it, there is nobody to wait for.
    return status === undefined || readyOf(status)?.reason === 'Suspended';
  };
  try {
    const options = { timeoutMs: HEARD_MS, signal: ending.signal, judge };
    const waited = await showing(shell, 'waiting for the running controller', () =>
      awaitPublished(globals.layout, options),
    );
    if (waited === 'stopped') return ExitCode.forced;
    if (waited === 'met') return ExitCode.ok;
    const text = 'a step of the running controller is not done yet, or it waits for something else';
    new Screen(shell.stderr, shell).line(`${text}: xenpci describe assignment ${name}`, 'bad');
    return ExitCode.ok;
  } finally {
    release();
  }
}

/**
 * Changes the record.
 * @throws {CliError} when it cannot be used or written.
 */
export async function written<T>(change: () => Promise<T>): Promise<T> {
  return change().catch((cause: unknown) => {
    const next =
      cause instanceof SuspensionsUnusableError
        ? '. Until it is mended nothing is touched; to begin a new one: xenpci resume --all'
        : '';
    throw new CliError(`the record of suspended assignments cannot be changed: ${messageOf(cause)}${next}`, { cause });
  });
}

function reason(text: string): string {
  const line = safeLine(text.replaceAll(/\s+/g, ' ').trim());
  if (line === '') throw new InvalidArgumentError('It must say something.');
  if (line.length <= REASON_MAX) return line;
  throw new InvalidArgumentError(`It must have at most ${REASON_MAX} characters.`);
}
