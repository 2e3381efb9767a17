import type { MeasuredRow } from '../bench/record.ts';

/** What the test program in dom0 tells the runner: one JSON object per line of /share/events.jsonl, in the order of time. */
export type Event =
  /** The tests that will run, each as `file: name`. */
  | { readonly type: 'selected'; readonly tests: readonly string[] }
  /** `deadline`: ms after which the test is given up. */
  | { readonly type: 'started'; readonly test: string; readonly deadline: number }
  /** Something measured, for the table. */
  | { readonly type: 'noted'; readonly test: string; readonly text: string }
  /** One row of `npm run bench:xen`. */
  | { readonly type: 'measured'; readonly test: string; readonly row: MeasuredRow }
  /** `ms`: how long the test's body took, without the reset before it. `error` is there only if it failed. */
  | { readonly type: 'ended'; readonly test: string; readonly ms: number; readonly error?: string }
  /** All tests have ended and the host is clean, or `error` says why it is not. */
  | { readonly type: 'finished'; readonly error?: string };

/** ms the program may take, beyond a test's own deadline, to diagnose a failure and to reset the host for the next test. */
export const RESET_LIMIT = 240_000;
