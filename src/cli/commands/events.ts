import { access, constants } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { Dom0Layout } from '../../api/layout.ts';
import {
  concerns,
  type Event,
  OBJECT_KINDS,
  type ObjectRef,
  parseRef,
  withoutRepeats,
} from '../../daemon/events/event.ts';
import { type KeptEvents, readEvents } from '../../daemon/events/event-file.ts';
import { followEvents } from '../../daemon/events/follow.ts';
import { messageOf } from '../../daemon/message-of.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { EventPrinter, eventsText, showEvents } from '../event-view.ts';
import { CliError, ExitCode } from '../exit.ts';
import { type Format, formatOption } from '../output.ts';
import { Screen } from '../screen.ts';
import type { Shell } from '../shell.ts';

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
      const chosen = ({ events }: KeptEvents): Event[] =>
        events.filter(event => about === undefined || concerns(event, about));
      if (watch) await follow(shell, layout, output, chosen);
      else show(shell, await kept(shell, layout), output, chosen);
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

async function kept(shell: Shell, layout: Dom0Layout): Promise<KeptEvents> {
  const found = await ((await mayRead(layout)) ? readEvents(layout) : served(layout));
  for (const message of found.damage) new Screen(shell.stderr, shell).line(message, 'bad');
  return found;
}

/** Root reads the files, with a controller or without; members of the group are told by the controller. */
async function mayRead({ state }: Dom0Layout): Promise<boolean> {
  return access(state, constants.R_OK | constants.X_OK).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'EACCES',
  );
}

/** Loaded here: root needs no web client. */
function servedEvents(): Promise<typeof import('../../daemon/events/served-events.ts')> {
  return import('../../daemon/events/served-events.ts');
}

async function served(layout: Dom0Layout): Promise<KeptEvents> {
  const { readServedEvents } = await servedEvents();
  return readServedEvents(layout).catch((cause: unknown) => {
    const rights = `${layout.state} is root's, and the controller cannot be asked`;
    throw new CliError(`events cannot be read: ${rights}: ${messageOf(cause)}`, { cause });
  });
}

function show(shell: Shell, found: KeptEvents, output: Format, chosen: (found: KeptEvents) => Event[]): void {
  const events = withoutRepeats(chosen(found));
  if (output === 'json' || output === 'yaml') shell.stdout.write(eventsText(events, output));
  else if (events.length === 0) new Screen(shell.stderr, shell).line('No events.');
  else showEvents(new Screen(shell.stdout, shell), events, { now: Date.now(), wide: output === 'wide' });
}

async function follow(
  shell: Shell,
  layout: Dom0Layout,
  output: Format,
  chosen: (found: KeptEvents) => Event[],
): Promise<void> {
  const ending = new AbortController();
  const release = shell.onStop(() => ending.abort());
  const printer = new EventPrinter(shell, output);
  let first = true;
  try {
    const following = (await mayRead(layout)) ? followEvents : (await servedEvents()).followServedEvents;
    await following(layout, ending.signal, fresh => {
      const events = chosen(fresh);
      printer.print(first ? withoutRepeats(events) : events);
      if (first) for (const message of fresh.damage) new Screen(shell.stderr, shell).line(message, 'bad');
      first = false;
    });
  } catch (cause) {
    throw new CliError(`events cannot be followed: ${messageOf(cause)}; has a controller ever run here?`, { cause });
  } finally {
    release();
  }
}
