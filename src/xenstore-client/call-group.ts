import { type CallTarget, type PendingCall, type Request, withResolvers } from './call.ts';
import { DeadlineError, XenstoreError } from './errors.ts';
import { startTimer } from './timer.ts';

/**
 * Reads that are asked together, under one promise, one deadline and one signal: a look has thousands of them. The first
 * that fails gives the others up.
 */
export class CallGroup<T> {
  /** The answers in the order of the requests; undefined where there is no such node. */
  readonly promise: Promise<(T | undefined)[]>;
  readonly calls: readonly PendingCall[];
  readonly #answers: (T | undefined)[];
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #resolve: (answers: (T | undefined)[]) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #aborted = (): void => this.giveUp(this.#signal?.reason);
  #left: number;

  /** @param requests at least one; @param deadlineMs for all of them */
  constructor(requests: readonly Request<T>[], deadlineMs: number, signal: AbortSignal | undefined) {
    const { promise, resolve, reject } = withResolvers<(T | undefined)[]>();
    this.promise = promise;
    this.calls = requests.map((request, index) => new GroupedCall(request, this, index));
    this.#answers = new Array(requests.length);
    this.#left = requests.length;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    const label = { operation: `${requests.length} requests`, path: requests[0]?.path };
    this.#timer = startTimer(() => this.giveUp(new DeadlineError(label, deadlineMs)), deadlineMs);
    signal?.addEventListener('abort', this.#aborted, { once: true });
    if (signal?.aborted) this.#aborted();
  }

  /** Takes one answer in. */
  take(index: number, answer: T | undefined): void {
    this.#answers[index] = answer;
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#end();
    this.#resolve(this.#answers);
  }

  /** Settles all that has not settled. */
  giveUp(reason: unknown): void {
    this.#end();
    for (const call of this.calls) if (!call.settled) (call as GroupedCall<T>).settle();
    this.#reject(reason);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#aborted);
  }
}

class GroupedCall<T> implements PendingCall {
  readonly request: Request<T>;
  settled = false;
  onSettled: ((call: PendingCall) => void) | undefined;
  onUnsent: ((call: PendingCall) => void) | undefined;
  readonly #group: CallGroup<T>;
  readonly #index: number;

  constructor(request: Request<T>, group: CallGroup<T>, index: number) {
    this.request = request;
    this.#group = group;
    this.#index = index;
  }

  answer(payload: Buffer, connection: CallTarget): void {
    if (this.settled) return;
    this.#take(this.request.decode(payload, connection));
  }

  refuse(code: string): void {
    if (code === 'ENOENT') this.#take(undefined);
    else this.fail(new XenstoreError(code, this.request));
  }

  fail(error: Error): void {
    if (!this.settled) this.#group.giveUp(error);
  }

  settle(): void {
    this.settled = true;
    this.onSettled?.(this);
  }

  #take(answer: T | undefined): void {
    if (this.settled) return;
    this.settle();
    this.#group.take(this.#index, answer);
  }
}
