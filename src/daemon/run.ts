import type { Controller } from '../controller/controller.ts';
import { type SessionParts, withController } from './session.ts';
import { type OnStop, StopRequests } from './stop-requests.ts';

/** How long a step under way may go on after the first request to stop, ms. */
const GRACE_MS = 10_000;

/** How a controller that was told to stop came to its end: `forced` without waiting for a step under way. */
export type Ending = 'stopped' | 'forced';

/**
 * Keeps a host as its manifests say until it is told to stop. The first request ends it cleanly: no further step, and the
 * one under way gets a grace period. The second ends it at once.
 *
 * @throws {LockHeldError} when another controller has the host.
 */
export async function runDaemon(parts: SessionParts, onStop: OnStop): Promise<Ending> {
  const { ending } = await work(parts, onStop, controller => controller.run());
  return ending ?? 'stopped';
}

/**
 * Works until nothing is left to do, `timeoutMs` have passed, or it is told to stop.
 * @throws {LockHeldError} when another controller has the host.
 */
export async function reconcileOnce(
  parts: SessionParts,
  timeoutMs: number,
  onStop: OnStop,
): Promise<'converged' | 'timedOut' | Ending> {
  const { ending, result } = await work(parts, onStop, async controller => {
    const done = await controller.converge(timeoutMs);
    // A step that is still under way when the time is up must not go on unwatched.
    await controller.stop(GRACE_MS);
    return done;
  });
  return ending ?? (result === true ? 'converged' : 'timedOut');
}

/** Lets a controller work, and ends it when that is asked for; `ending` is absent when it came to its end by itself. */
async function work<T>(
  parts: SessionParts,
  onStop: OnStop,
  perform: (controller: Controller) => Promise<T>,
): Promise<{ readonly ending?: Ending; readonly result?: T }> {
  // From here on, although there is nothing to stop yet: a request must neither be lost nor end the process.
  const requests = new StopRequests(onStop);
  try {
    return await withController(parts, async controller => {
      const { stopping, forced } = obey(controller, requests, parts);
      const performed = Promise.resolve(parts.onLocked?.()).then(() => perform(controller));
      const result = await Promise.race([performed.then(value => ({ result: value })), forced]);
      if (!('result' in result)) return result;
      const clean = stopping();
      return clean === undefined ? result : await Promise.race([clean, forced]);
    });
  } finally {
    requests.end();
  }
}

interface Obedience {
  /** Resolves when a clean stop is done; undefined while none was asked for. */
  readonly stopping: () => Promise<{ readonly ending: Ending }> | undefined;
  /** Resolves at the second request. */
  readonly forced: Promise<{ readonly ending: Ending }>;
}

function obey(controller: Controller, requests: StopRequests, { log }: SessionParts): Obedience {
  let stopping: Promise<{ ending: Ending }> | undefined;
  const forced = new Promise<{ ending: Ending }>(resolve => {
    requests.listen(() => {
      if (stopping === undefined) {
        log({ level: 'info', event: 'Stopping', message: 'stopping; a second signal ends it at once', fields: {} });
        stopping = controller.stop(GRACE_MS).then(() => ({ ending: 'stopped' }));
        return;
      }
      void controller.stop(0);
      resolve({ ending: 'forced' });
    });
  });
  return { stopping: () => stopping, forced };
}
