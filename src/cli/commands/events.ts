import { type Command, InvalidArgumentError } from 'commander';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import {
  concerns,
  type Event,
  OBJECT_KINDS,
  type ObjectRef,
  parseRef,
  withoutRepeats,
} from '../../daemon/events/event.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { followEvents, pastEvents } from '../events/followed.ts';
import { CliError, ExitCode } from '../exit.ts';
import { showing } from '../terminal/progress.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { EventPrinter, eventsText, showEvents } from '../views/event-view.ts';
import { type Format, formatOption } from '../views/output.ts';

interface Options {
  readonly watch?: boolean;
  readonly for?: ObjectRef;
  readonly output: Format;
}

/** `xenpci events`. */
export function eventsCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['What has happened to a device', 'xenpci events --for device/0000:03:00.0'],
    ['What happens to an assignment, from now on too', 'xenpci events --for assignment/sys-net -w'],
    ['With the file, line and content that asked for each step', 'xenpci events -o yaml'],
  ])
    .option('-w, --watch', 'go on, and show each event when it comes')
    .option('--for <object>', `only events of device/ADDRESS, ${others()}`, object)
    .addOption(formatOption())
    .addHelpText(
      'after',
      '\nThe controller keeps the last events, some thousands of them, over restarts.\nRepeats within an hour count as one.',
    )
    .action(async ({ watch = false, for: about, output }: Options) => {
      const { layout } = globalsOf(command, shell);
      const chosen: Chosen = events => events.filter(event => about === undefined || concerns(event, about));
      const past = await showing(shell, 'reading the events', () => pastEvents(layout));
      const errors = new Screen(shell.stderr, shell);
      for (const message of past.damage) errors.line(message, 'bad');
      if (watch) await follow(shell, layout, output, { past: past.events, chosen });
      // What cannot be read at all is not "no events".
      else if (past.events.length === 0 && past.damage.length > 0) return end(ExitCode.error);
      else show(shell, chosen(past.events), output);
      end(ExitCode.ok);
    });
}

function others(): string {
  return Object.keys(OBJECT_KINDS)
    .filter(word => word !== 'device')
    .map(word => `${word}/NAME`)
    .join(', ');
}

function object(text: string): ObjectRef {
  const found = parseRef(text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError('It must be an object, such as device/0000:03:00.0 or assignment/sys-net.');
}

function show(shell: Shell, found: readonly Event[], output: Format): void {
  const events = withoutRepeats(found);
  if (output === 'json' || output === 'yaml') shell.stdout.write(eventsText(events, output));
  else if (events.length === 0) new Screen(shell.stderr, shell).line('No events.');
  else showEvents(new Screen(shell.stdout, shell), events, { now: Date.now(), wide: output === 'wide' });
}

type Chosen = (events: readonly Event[]) => Event[];

async function follow(
  shell: Shell,
  layout: Dom0Layout,
  output: Format,
  { past, chosen }: { readonly past: readonly Event[]; readonly chosen: Chosen },
): Promise<void> {
  const ending = new AbortController();
  const release = shell.onStop(() => ending.abort());
  const printer = new EventPrinter(shell, output);
  printer.print(withoutRepeats(chosen(past)));
  try {
    await followEvents(layout, {
      after: past.at(-1)?.id ?? 0,
      signal: ending.signal,
      hear: events => printer.print(chosen(events)),
      onProblem: message => new Screen(shell.stderr, shell).line(message, 'bad'),
    });
  } catch (cause) {
    const isNew = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const hint = isNew ? '; has a controller ever run here?' : '';
    throw new CliError(`events cannot be followed: ${messageOf(cause)}${hint}`, { cause });
  } finally {
    release();
  }
}
