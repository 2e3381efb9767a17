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
