import { watch } from 'node:fs';
import type { Dom0Layout } from '../../api/layout.ts';
import { Wake } from '../../controller/wake.ts';
import { type LiveStatus, readLiveStatus } from '../../daemon/status-file.ts';
import type { Globals } from '../context.ts';
import { FreshLooks } from './fresh-looks.ts';
import type { Survey } from './survey.ts';

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
 * Looks at the host whenever something may have changed, until a look is as it should be: through the running controller
 * where there is one that works by these manifests, else by itself. Only looks that began after this count, so what was
 * true of earlier content does not. A controller that ends or is started anew meanwhile changes nothing.
 *
 * @throws {CliError} when the host cannot be looked at in either way; what `judge` throws.
 */
export async function awaitLook(globals: Globals, { judge, ...patience }: AwaitOptions): Promise<Waited> {
  const looks = new FreshLooks(globals);
  const isMet = async (ending: AbortSignal): Promise<boolean> => {
    const look = await looks.look(ending);
    return look !== undefined && judge(look);
  };
  try {
    return await untilMet(isMet, hint => looks.onHint(hint), patience);
  } finally {
    await looks.close();
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

/**
 * Asks at each hint, and now and then without one.
 * @param isMet given what ends waiting.
 * @param listen as `onPublished`.
 * @throws what `isMet` throws.
 */
async function untilMet(
  isMet: (ending: AbortSignal) => Promise<boolean>,
  listen: (hint: () => void) => () => void,
  { timeoutMs, signal }: Patience,
): Promise<Waited> {
  const wake = new Wake();
  const hint = (): void => wake.now();
  const deadline = AbortSignal.timeout(timeoutMs);
  const ending = AbortSignal.any([deadline, signal]);
  const resync = setInterval(hint, RESYNC_MS);
  const end = listen(hint);
  for (const each of [deadline, signal]) each.addEventListener('abort', hint);
  try {
    for (;;) {
      if (await isMet(ending)) return 'met';
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
