import { type Codec, decodeBody } from './codec.ts';
import { DeadlineError, LibvirtError } from './errors.ts';
import { encodeCall } from './messages.ts';
import { onAbort } from './on-abort.ts';
import type { Procedure } from './procedures.ts';
import { errorDetails } from './types.ts';

/** How long a caller will wait. */
export interface CallOptions {
  /** Milliseconds until the call is rejected with DeadlineError, waiting for a connection included. */
  readonly deadlineMs?: number;
  /** Rejects the call with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Longest delay of a timer in Node, in milliseconds. */
const TIMER_MAX = 2 ** 31 - 1;

/** Throws RangeError unless `value` is a number of milliseconds a timer can wait. */
export function checkMilliseconds(name: string, value: number): void {
  if (!(value > 0 && value <= TIMER_MAX))
    throw new RangeError(`${name} must be between 1 and ${TIMER_MAX} ms, not ${value}`);
}

/**
 * One call from the moment it is asked for until its promise settles. It keeps its own deadline, so it makes no
 * difference whether it waits for a connection, for room in the window or for its reply.
 */
export class Call<Result> {
  readonly promise: Promise<Result>;
  readonly procedure: { readonly name: string; readonly number: number };
  /** The encoded call, with serial zero. */
  readonly frame: Buffer;
  /** Called once, when the promise settles for whatever reason. */
  onSettled: (() => void) | undefined;
  readonly #result: Codec<Result>;
  readonly #timer: NodeJS.Timeout;
  readonly #endSignal: (() => void) | undefined;
  #settlers: { resolve(result: Result): void; reject(reason: unknown): void } | undefined;

  /**
   * `blockedBy` tells, when the deadline passes, what kept the call waiting. Throws XdrError on arguments that cannot
   * be sent, RangeError on an impossible deadline, and the signal's reason when it is aborted already.
   */
  constructor(
    frame: Buffer,
    procedure: Procedure<unknown, Result>,
    options: CallOptions & { readonly deadlineMs: number },
    blockedBy: () => unknown = () => undefined,
  ) {
    checkMilliseconds('deadlineMs', options.deadlineMs);
    options.signal?.throwIfAborted();
    this.frame = frame;
    this.procedure = procedure;
    this.#result = procedure.result;
    this.promise = new Promise((resolve, reject) => {
      this.#settlers = { resolve, reject };
    });
    this.#timer = setTimeout(() => {
      const message = `libvirt did not answer ${procedure.name} within ${options.deadlineMs} ms`;
      this.fail(new DeadlineError(message, { cause: blockedBy() }));
    }, options.deadlineMs);
    const { signal } = options;
    this.#endSignal = signal && onAbort(signal, () => this.fail(signal.reason));
  }

  get settled(): boolean {
    return this.#settlers === undefined;
  }

  /** Resolves with the decoded result; rejects with XdrError when the body is none. */
  succeed(body: Buffer): void {
    this.#settle(() => decodeBody(this.#result, body));
  }

  /** Rejects with the LibvirtError in `body`; with XdrError when the body is none. */
  refuse(body: Buffer): void {
    this.#settle(() => {
      throw new LibvirtError(this.procedure.name, decodeBody(errorDetails, body));
    });
  }

  /** Rejects with `reason`. */
  fail(reason: unknown): void {
    this.#settle(() => {
      throw reason;
    });
  }

  #settle(outcome: () => Result): void {
    const settlers = this.#settlers;
    if (settlers === undefined) return;
    this.#settlers = undefined;
    clearTimeout(this.#timer);
    this.#endSignal?.();
    try {
      settlers.resolve(outcome());
    } catch (error) {
      settlers.reject(error);
    }
    this.onSettled?.();
  }
}

/** Builds a Call from typed arguments; throws as its constructor does. */
export function prepareCall<Args, Result>(
  procedure: Procedure<Args, Result>,
  args: Args,
  options: CallOptions & { readonly deadlineMs: number },
  blockedBy?: () => unknown,
): Call<Result> {
  return new Call(encodeCall(procedure, 0, args), procedure, options, blockedBy);
}
