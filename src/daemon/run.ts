import type { Controller } from '../controller/controller.ts';
import { type SessionParts, withController } from './session.ts';

/** How long a step under way may go on after the first request to stop, ms. */
const GRACE_MS = 10_000;

/** Registers what is called at each request to stop, such as SIGTERM. @returns a function that ends it. */
export type OnStop = (stop: () => void) => () => void;

/** How a controller that was told to stop came to its end: `forced` without waiting for a step under way. */
export type Ending = 'stopped' | 'forced';

/**
 * Keeps a host as its manifests say until it is told to stop. The first request ends it cleanly: no further step, and the
 * one under way gets a grace period. The second ends it at once.
 *
 * @throws {LockHeldError} when another controller has the host.
 */
export async function runDaemon(parts: SessionParts, onStop: OnStop): Promise<Ending> {
  return withController(parts, async controller => {
    const ending = await untilStopped(controller, run(controller, parts), onStop, parts);
    return ending ?? 'stopped';
  });
}

async function run(controller: Controller, { onLocked }: SessionParts): Promise<void> {
  await onLocked?.();
  await controller.run();
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
  return withController(parts, async controller => {
    const work = converge(controller, timeoutMs, parts);
    const ending = await untilStopped(controller, work, onStop, parts);
    return ending ?? ((await work) ? 'converged' : 'timedOut');
  });
}

// A step that is still under way when the time is up must not go on unwatched.
async function converge(controller: Controller, timeoutMs: number, { onLocked }: SessionParts): Promise<boolean> {
  await onLocked?.();
  const done = await controller.converge(timeoutMs);
  await controller.stop(GRACE_MS);
  return done;
}

/** Waits for the work's end. @returns undefined when nobody asked for it. */
async function untilStopped(
  controller: Controller,
  work: Promise<unknown>,
  onStop: OnStop,
  { log }: SessionParts,
): Promise<Ending | undefined> {
  const { promise: forced, resolve: force } = deferred();
  let stopping: Promise<void> | undefined;
  const end = onStop(() => {
    if (stopping === undefined) {
      log({ level: 'info', event: 'Stopping', message: 'stopping; a second signal ends it at once', fields: {} });
      stopping = controller.stop(GRACE_MS);
      return;
    }
    void controller.stop(0);
    force();
  });
  try {
    const first = await Promise.race([work.then(() => 'ended' as const), forced.then(() => 'forced' as const)]);
    if (first === 'forced' || stopping === undefined) return first === 'forced' ? first : undefined;
    return await Promise.race([stopping.then(() => 'stopped' as const), forced.then(() => 'forced' as const)]);
  } finally {
    end();
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>(done => {
    resolve = done;
  });
  return { promise, resolve };
}
