import { watch } from 'node:fs';
import type { Dom0Layout } from '../../api/layout.ts';
import { Wake } from '../../controller/wake.ts';
import type { Event } from './event.ts';
import { readEvents } from './event-file.ts';

export interface FollowOptions {
  /** The last event that is known; 0 for none. */
  readonly after: number;
  readonly signal: AbortSignal;
  /** Called with what is new, in the order in which it happened. */
  readonly hear: (events: readonly Event[]) => void;
}

/**
 * Hands over each event that comes into the file of events, also over restarts of the controller, until the signal ends it.
 * @throws the file system's error when the state folder cannot be watched.
 */
export async function followFile(layout: Dom0Layout, { after, signal, hear }: FollowOptions): Promise<void> {
  const wake = new Wake();
  // The watch begins before the first look, so that nothing falls between the two.
  const watcher = watch(layout.state, (_, name) => {
    if (name?.startsWith('events') === true) wake.now();
  });
  let failure: Error | undefined;
  watcher.on('error', error => {
    failure = error;
    wake.now();
  });
  const stop = (): void => wake.now();
  signal.addEventListener('abort', stop);
  try {
    for (let last = after; !signal.aborted; await wake.wait()) {
      if (failure !== undefined) throw failure;
      const { events, damage } = await readEvents(layout);
      const newest = events.at(-1)?.id ?? 0;
      // What cannot be read is not gone.
      if (newest < last && damage.length > 0) continue;
      // Where somebody removed the files, what comes now counts anew.
      const known = newest < last ? 0 : last;
      const fresh = events.filter(({ id }) => id > known);
      if (fresh.length > 0 && !signal.aborted) hear(fresh);
      last = newest;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    watcher.close();
  }
}
