import type { PendingCall } from './call.ts';
import { QueueFullError } from './errors.ts';

/** Calls waiting their turn, first in first out. A call that settles while it waits leaves at once. */
export class CallQueue {
  readonly #limit: number;
  readonly #calls = new Set<PendingCall>();
  readonly #forget = (call: PendingCall): void => void this.#calls.delete(call);

  /** @param limit most calls waiting at a time; one more fails with {@link QueueFullError} */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether no call waits. */
  get isEmpty(): boolean {
    return this.#calls.size === 0;
  }

  /** Adds a call at the end, or fails it when the queue is full. A call that has settled is not added. */
  add(call: PendingCall): void {
    if (call.settled) return;
    if (this.#calls.size >= this.#limit) {
      call.fail(new QueueFullError(this.#limit));
      return;
    }
    this.#calls.add(call);
    call.onSettled = this.#forget;
  }

  /** Takes the first call out, if there is one. */
  shift(): PendingCall | undefined {
    for (const call of this.#calls) {
      this.#calls.delete(call);
      call.onSettled = undefined;
      return call;
    }
    return undefined;
  }

  /** Takes every call out, in order. */
  drain(): PendingCall[] {
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const call of calls) call.onSettled = undefined;
    return calls;
  }
}
