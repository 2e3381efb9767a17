import { DeadlineError, type RequestLabel, XenstoreError } from './errors.ts';
import { startTimer } from './timer.ts';

/** Limits of one request. */
export interface RequestOptions {
  /** Time for the answer in ms, waiting for a connection and for a free slot included. Default: the client's. */
  readonly deadlineMs?: number | undefined;
  /** Gives up waiting for the answer; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Where calls are handed in: a connection. */
export interface CallTarget {
  submit(call: PendingCall): void;
}

/** A request as it goes on the wire, and how to read its answer. */
export interface Request<T> extends RequestLabel {
  readonly type: number;
  readonly transactionId: number;
  readonly payload: Buffer;
  /**
   * Turns the reply's payload into the result; `connection` is where it came from.
   * @throws ProtocolError when the payload is not what the protocol allows, which closes the connection
   */
  decode(payload: Buffer, connection: CallTarget): T;
  /** Gives back what the server has set aside, when the answer comes after the caller has given up. */
  discard?(payload: Buffer, connection: CallTarget): void;
}

/** A call as queues and connections see it: they need not know its result's type. */
export interface PendingCall {
  readonly request: Request<unknown>;
  readonly settled: boolean;
  /** Called once with the call when it settles, however it does. A queue sets it to forget the call. */
  onSettled: ((call: PendingCall) => void) | undefined;
  /** Takes the call back when its connection ends before it was sent; without it the call fails. */
  onUnsent: ((call: PendingCall) => void) | undefined;
  /** Hands in the reply. @throws ProtocolError when it cannot be decoded; the call has failed with it then */
  answer(payload: Buffer, connection: CallTarget): void;
  /** Hands in that xenstored refused it. @param code an error's name: `ENOENT` */
  refuse(code: string): void;
  fail(error: Error): void;
}

/** One request on its way: it settles exactly once, by its answer, an error, its deadline or its signal. */
export class Call<T> implements PendingCall {
  readonly request: Request<T>;
  readonly promise: Promise<T>;
  settled = false;
  onSettled: ((call: PendingCall) => void) | undefined;
  onUnsent: ((call: PendingCall) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #aborted = (): void => this.#reject(this.#signal?.reason);

  constructor(request: Request<T>, deadlineMs: number, signal: AbortSignal | undefined) {
    const { promise, resolve, reject } = withResolvers<T>();
    this.request = request;
    this.promise = promise;
    this.#resolve = value => {
      if (this.#settle()) resolve(value);
    };
    this.#reject = reason => {
      if (this.#settle()) reject(reason);
    };
    this.#signal = signal;
    this.#timer = startTimer(() => this.fail(new DeadlineError(request, deadlineMs)), deadlineMs);
    signal?.addEventListener('abort', this.#aborted, { once: true });
    if (signal?.aborted) this.#aborted();
  }

  answer(payload: Buffer, connection: CallTarget): void {
    if (this.settled) {
      this.request.discard?.(payload, connection);
      return;
    }
    try {
      this.#resolve(this.request.decode(payload, connection));
    } catch (error) {
      this.#reject(error);
      throw error;
    }
  }

  refuse(code: string): void {
    this.fail(new XenstoreError(code, this.request));
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  /** @returns false when it had settled before. */
  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#aborted);
    this.onSettled?.(this);
    return true;
  }
}

/** How long an unattended call is kept, in ms. */
const UNATTENDED_MS = 30_000;

/**
 * Submits a request that tidies up on the server and that nobody waits for. Its failure changes nothing: either the
 * server had nothing to tidy, or the connection ended, and with it everything that belonged to it.
 */
export function submitUnattended(connection: CallTarget, request: Request<void>): void {
  const call = new Call(request, UNATTENDED_MS, undefined);
  call.promise.catch(() => {});
  connection.submit(call);
}

/** `Promise.withResolvers`, which Node has from version 22 on. */
export function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
