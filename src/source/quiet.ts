import { setTimeout } from 'node:timers/promises';

/**
 * How long nobody may have touched a file or folder before what it says counts. Who saves in place writes in pieces, and
 * `git checkout` deletes a file before it writes the new one: in between, devices seem to be given up. It also keeps the
 * next write from having the same time, for file times move in ticks of up to 10 ms.
 */
export const QUIET_MS = 100;

/**
 * Waits until something has been left alone for a while.
 * @param changedMs when it was last changed, in milliseconds since the epoch; a time to come counts as now.
 */
export async function untilQuiet(changedMs: number, quietMs: number): Promise<void> {
  const left = Math.min(changedMs + quietMs - Date.now(), quietMs);
  if (left > 0) await setTimeout(left);
}
