import type { Shell } from './shell.ts';

/** What takes longer than this is told, and told anew as often, ms. */
export const PROGRESS_MS = 1_000;

/**
 * Does something, and shows on a terminal what it is and for how long it has gone on, once that is longer than a second.
 * It is taken away when it is done, or something else is written. Where standard error is no terminal nothing is shown.
 * @param what a clause; asked for anew each time.
 */
export async function showing<T>(shell: Shell, what: string | (() => string), work: () => Promise<T>): Promise<T> {
  const { status } = shell;
  if (!status.isPossible) return work();
  const begun = performance.now();
  const turn = status.use();
  const tell = (): void => {
    if (!turn.isMine()) return;
    const seconds = Math.round((performance.now() - begun) / 1000);
    status.show(`${typeof what === 'string' ? what : what()} (${seconds} s)`);
  };
  const timer = setInterval(tell, PROGRESS_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    turn.end();
  }
}
