import { access, constants } from 'node:fs/promises';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { isNobody } from '../../daemon/api/socket-file.ts';
import type { Event } from '../../daemon/events/event.ts';
import { type KeptEvents, readEvents } from '../../daemon/events/event-file.ts';
import { followFile } from '../../daemon/events/follow.ts';
import { paused } from './served-news.ts';

/**
 * What has happened on a host: from the files, which have more, or from the running controller for whoever may not read them.
 * Never throws; `damage` says what could not be had.
 */
export async function pastEvents(layout: Dom0Layout): Promise<KeptEvents> {
  if (await mayRead(layout.state)) return readEvents(layout);
  const { listedEvents } = await import('../../daemon/api/event-client.ts');
  try {
    return await listedEvents(layout);
  } catch (cause) {
    const why = `and the controller cannot be asked: ${messageOf(cause)}`;
    return { events: [], damage: [`${layout.state} cannot be read by this user, ${why}`] };
  }
}

async function mayRead(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.R_OK | constants.X_OK);
    return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return code !== 'EACCES' && code !== 'EPERM';
  }
}

export interface FollowOptions {
  /** The last event that is known; 0 for none. */
  readonly after: number;
  readonly signal: AbortSignal;
  /** Called with what is new, in the order in which it happened. */
  readonly hear: (events: readonly Event[]) => void;
  /** Told when some were missed, and once for each new reason why the controller gives none, in a sentence. */
  readonly onProblem: (message: string) => void;
}

/**
 * Hands over each event that comes, once, until the signal ends it: from the running controller, and while there is none
 * from the files.
 * @throws the error of watching the files when no controller ever answered.
 */
export async function followEvents(layout: Dom0Layout, options: FollowOptions): Promise<void> {
  const { signal, hear, onProblem } = options;
  const { EventsRefusedError, servedEvents } = await import('../../daemon/api/event-client.ts');
  let last = options.after;
  let wasServed = false;
  let told: string | undefined;
  const tell = (cause: unknown): void => {
    if (isNobody(cause)) return;
    const why = messageOf(cause);
    if (why !== told) onProblem(`${why}; its files are read meanwhile, and it is asked again`);
    told = why;
  };
  const take = (events: readonly Event[]): void => {
    const [first] = events;
    const missed = first === undefined || last === 0 ? 0 : first.id - last - 1;
    if (missed > 0) onProblem(`${missed} ${missed === 1 ? 'event is' : 'events are'} missing here: no longer kept`);
    last = events.at(-1)?.id ?? last;
    hear(events);
  };
  while (!signal.aborted) {
    const begun = (): void => {
      wasServed = true;
      told = undefined;
    };
    // Whatever ended it: the files say the rest, and after a moment it is asked again.
    await servedEvents(layout, { after: last, signal, begun, hear: event => take([event]) }).catch((cause: unknown) => {
      // One that refuses now may have room for us later.
      wasServed ||= cause instanceof EventsRefusedError;
      tell(cause);
    });
    await untilServed(layout, signal, async ending => {
      try {
        await followFile(layout, { after: last, signal: ending, hear: take });
      } catch (cause) {
        if (!wasServed) throw cause;
      }
    });
  }
}

/** Does something until a controller answers, or the signal says so. @throws what that throws, at once. */
async function untilServed(
  layout: Dom0Layout,
  signal: AbortSignal,
  meanwhile: (ending: AbortSignal) => Promise<void>,
): Promise<void> {
  const { isServed } = await import('../../daemon/api/event-client.ts');
  const found = new AbortController();
  const ending = AbortSignal.any([signal, found.signal]);
  const search = async (): Promise<void> => {
    while (await paused(ending)) if (await isServed(layout)) return found.abort();
  };
  const done = meanwhile(ending);
  try {
    await Promise.all([search(), done]);
  } finally {
    found.abort();
  }
}
