import { type Command, InvalidArgumentError } from 'commander';
import { type Context, type Globals, globalsOf, withExamples } from '../context.ts';
import { ExitCode } from '../exit.ts';
import { awaitLook, type Waited } from '../looks/await.ts';
import type { Survey } from '../looks/survey.ts';
import { type Goal, parseGoal, standingOf } from '../looks/wait-goal.ts';
import { bareName } from '../object-names.ts';
import { seconds } from '../terminal/numbers.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';

interface Options {
  readonly for: Goal;
  readonly timeout: number;
}

/** `xenpci wait`. */
export function waitCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['Until a guest has its devices', 'xenpci wait sys-net --for condition=Ready'],
    ['For at most five minutes', 'xenpci wait assignment/sys-net --for condition=Ready --timeout 300'],
    ['Until the devices of a removed assignment are let go of', 'xenpci wait sys-net --for delete'],
  ])
    .requiredOption('--for <what>', 'condition=TYPE, condition=TYPE=False, or delete', goal)
    .option('--timeout <duration>', 'give up after this time', seconds, 30)
    .addHelpText(
      'after',
      '\nOnly what is true of the manifests as they are now counts.' +
        '\nExit codes: 0 as it should be, 1 not in time, 2 error.',
    )
    .action(async (names: string[], { for: wanted, timeout }: Options) => {
      end(
        await waitFor(shell, globalsOf(command, shell), {
          names: names.map(bareName),
          goal: wanted,
          timeoutMs: timeout * 1000,
        }),
      );
    });
}

function goal(text: string): Goal {
  const found = parseGoal(text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError('It must be condition=Ready, condition=Stalled=False or the like, or delete.');
}

export interface WaitFor {
  readonly names: readonly string[];
  readonly goal: Goal;
  readonly timeoutMs: number;
}

/**
 * Waits, shows on a terminal how it goes, and says how it ended.
 * @throws {CliError} as `awaitLook`, and for an assignment that is not there.
 */
export async function waitFor(
  shell: Shell,
  globals: Globals,
  { names, goal: wanted, timeoutMs }: WaitFor,
): Promise<ExitCode> {
  const ending = new AbortController();
  const release = shell.onStop(() => ending.abort());
  const screen = new Screen(shell.stdout, shell);
  const errors = new Screen(shell.stderr, shell);
  const open = new Map(names.map(name => [name, '']));
  const judge = (look: Survey): boolean => {
    for (const name of [...open.keys()]) {
      const { met, text } = standingOf(look, name, wanted);
      if (!met) open.set(name, text);
      else if (open.delete(name))
        screen.line(`assignment/${name} ${wanted.type === 'delete' ? 'deleted' : 'condition met'}`);
    }
    return open.size === 0;
  };
  try {
    const waiting = (): Promise<Waited> => awaitLook(globals, { timeoutMs, signal: ending.signal, judge });
    return ended(await showing(shell, () => openText(open), waiting), open, errors);
  } finally {
    release();
  }
}

/** What is waited for, in one line: the first in full, and how many more. */
function openText(open: ReadonlyMap<string, string>): string {
  const [[name, text] = ['', '']] = open;
  const more = open.size > 1 ? ` and ${open.size - 1} more` : '';
  return `waiting for assignment/${name}${more}${text === '' ? '' : `: ${text}`}`;
}

function ended(waited: Waited, open: ReadonlyMap<string, string>, errors: Screen): ExitCode {
  if (waited === 'met') return ExitCode.ok;
  if (waited === 'stopped') return ExitCode.forced;
  for (const [name, text] of open) {
    errors.line(`timed out waiting for assignment/${name}: ${text || 'there was no look in this time'}`, 'bad');
  }
  return ExitCode.different;
}
