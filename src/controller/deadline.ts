import type { Clock } from './ports.ts';

/** A signal that a deadline or an outer signal aborts. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True when it was the deadline. */
  readonly passed: () => boolean;
  /** Ends the timer and lets go of the outer signal. */
  readonly end: () => void;
}

/**
 * Bounds one operation to `deadlineMs`. AbortSignal.any would do, but keeps a trace in a long-lived outer signal for
 * every call (nodejs/node#54614).
 */
export function startDeadline(clock: Clock, deadlineMs: number, outer: AbortSignal): Deadline {
  const controller = new AbortController();
  let passed = false;
  const forward = (): void => controller.abort(outer.reason);
  if (outer.aborted) forward();
  outer.addEventListener('abort', forward);
  const callOff = clock.after(deadlineMs, () => {
    passed = true;
    controller.abort(new Error(`no end within ${deadlineMs / 1000} s`));
  });
  return {
    signal: controller.signal,
    passed: () => passed,
    end: () => {
      callOff();
      outer.removeEventListener('abort', forward);
    },
  };
}

/** What is still to come once a signal has been aborted. */
export interface Grace {
  /** Resolves when it is over; never, while the signal is not aborted. */
  readonly over: Promise<void>;
  /** Ends the timer and lets go of the signal. */
  readonly end: () => void;
}

/** Gives `graceMs` more to what is told by `signal` to stop. */
export function startGrace(clock: Clock, graceMs: number, signal: AbortSignal): Grace {
  const { promise: over, resolve } = deferred();
  let callOff = (): void => undefined;
  const begin = (): void => {
    callOff = clock.after(graceMs, resolve);
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return {
    over,
    end: () => {
      callOff();
      signal.removeEventListener('abort', begin);
    },
  };
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>(done => {
    resolve = done;
  });
  return { promise, resolve };
}
