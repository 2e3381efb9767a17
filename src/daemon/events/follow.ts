import { watch } from 'node:fs';
import type { Dom0Layout } from '../../api/layout.ts';
import { Wake } from '../../controller/wake.ts';
import { type KeptEvents, readEvents } from './event-file.ts';

/**
 * Hands over what the file of events holds, and then each event that comes, also over restarts of the controller, until
 * the signal ends it.
 *
 * @param hear called with what is new, in the order in which it happened; the first time with all, also with nothing.
 * @throws the file system's error when the state folder cannot be watched.
 */
export async function followEvents(
  layout: Dom0Layout,
  signal: AbortSignal,
  hear: (fresh: KeptEvents) => void,
): Promise<void> {
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
    for (let last = 0; !signal.aborted; await wake.wait()) {
      if (failure !== undefined) throw failure;
      const { events, damage } = await readEvents(layout);
      const newest = events.at(-1)?.id ?? 0;
      // Where somebody removed the files, what comes now counts anew.
      const known = newest < last ? 0 : last;
      hear({ events: events.filter(({ id }) => id > known), damage });
      last = newest;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    watcher.close();
  }
}
