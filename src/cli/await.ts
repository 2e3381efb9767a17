import { watch } from 'node:fs';
import type { Dom0Layout } from '../api/layout.ts';
import { Wake } from '../controller/wake.ts';
import { type LiveStatus, readLiveStatus } from '../daemon/status-file.ts';
import type { Globals } from './context.ts';
import { openLookout, type Survey } from './survey.ts';

/** Look at least this often, ms: not everything that changes is heard of. */
const RESYNC_MS = 5_000;

/** How waiting came to its end. */
export type Waited = 'met' | 'timedOut' | 'stopped';

/** For how long something is waited for. */
export interface Patience {
  readonly timeoutMs: number;
  /** Ends waiting. */
  readonly signal: AbortSignal;
}

export interface AwaitOptions extends Patience {
  /** Called with each look. @returns whether it is what is waited for. */
  readonly judge: (look: Survey) => boolean;
}

/**
 * Looks at the host whenever something may have changed, until a look is as it should be. With or without a controller:
 * the manifests are read anew each time, so what was true of earlier content does not count.
 *
 * @throws {CliError} when the host cannot be looked at; what `judge` throws.
 */
export async function awaitLook(globals: Globals, { judge, ...patience }: AwaitOptions): Promise<Waited> {
  const lookout = await openLookout(globals);
  const listen = (hint: () => void): (() => void) => {
    const ends = [lookout.onHint(hint), onPublished(globals.layout, hint)];
    return () => {
      for (const end of ends) end();
    };
  };
  try {
    return await untilMet(async () => judge(await lookout.survey()), listen, patience);
  } finally {
    await lookout.close();
  }
}

/**
 * Reads what the running controller publishes, whenever it has, until that is as it should be. It looks at nothing else.
 * @param judge called with what it published last; undefined when none runs.
 * @throws what `judge` throws.
 */
export async function awaitPublished(
  layout: Dom0Layout,
  { judge, ...patience }: Patience & { readonly judge: (live: LiveStatus | undefined) => boolean | Promise<boolean> },
): Promise<Waited> {
  const isMet = async (): Promise<boolean> => judge(await readLiveStatus(layout));
  return untilMet(isMet, hint => onPublished(layout, hint), patience);
}

/** Asks at each hint, and now and then without one. @param listen as `onPublished`. @throws what `isMet` throws. */
async function untilMet(
  isMet: () => Promise<boolean>,
  listen: (hint: () => void) => () => void,
  { timeoutMs, signal }: Patience,
): Promise<Waited> {
  const wake = new Wake();
  const hint = (): void => wake.now();
  const deadline = AbortSignal.timeout(timeoutMs);
  const resync = setInterval(hint, RESYNC_MS);
  const end = listen(hint);
  for (const each of [deadline, signal]) each.addEventListener('abort', hint);
  try {
    for (;;) {
      if (await isMet()) return 'met';
      if (!signal.aborted && !deadline.aborted) await wake.wait();
      if (signal.aborted) return 'stopped';
      if (deadline.aborted) return 'timedOut';
    }
  } finally {
    clearInterval(resync);
    for (const each of [deadline, signal]) each.removeEventListener('abort', hint);
    end();
  }
}

/** A running controller publishes its status when something has changed. Where none ever ran there is nothing to hear. */
export function onPublished(layout: Dom0Layout, hint: () => void): () => void {
  try {
    const watcher = watch(layout.runtime, (_, name) => {
      if (name === 'status.json') hint();
    });
    watcher.on('error', hint);
    return () => watcher.close();
  } catch {
    // The resync is enough.
    return () => undefined;
  }
}
