import type { Call } from './call.ts';
import type { Connection } from './connection.ts';
import { ConnectionLostError, QueueFullError } from './errors.ts';
import { openSession, type SessionOptions } from './session.ts';
import type { WireLifecycleEvent } from './types.ts';

export interface LinkOptions extends SessionOptions {
  /** Calls that may wait for a connection or for room. */
  readonly maxQueued: number;
  /** Milliseconds before the first attempt to reconnect; doubled after each failure up to the second. */
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
}

export interface LinkListener {
  lifecycle(event: WireLifecycleEvent): void;
  up(): void;
  /** `attempt` is true when no connection was lost, but making one failed. */
  down(error: Error, attempt: boolean): void;
}

/**
 * A connection that comes back. It connects when the first call asks for it. With `events` it then stays connected;
 * without, it reconnects only when there is something to send.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  readonly #queue = new Set<Call<unknown>>();
  readonly #closing = new AbortController();
  #connection: Connection | undefined;
  #opening = false;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #lastError: Error | undefined;

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** Why there is no connection at the moment. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Sends `call` as soon as there is a connection with room for it, unless it settles before. */
  submit(call: Call<unknown>): void {
    if (this.#closing.signal.aborted) {
      call.fail(closedError());
    } else if (this.#queue.size >= this.#options.maxQueued) {
      call.fail(new QueueFullError(`${this.#queue.size} calls are waiting for libvirt already`));
    } else {
      this.#queue.add(call);
      call.onSettled = () => this.#forget(call);
      this.#pump();
    }
  }

  /** Rejects what waits or is in flight and lets go of the socket and all timers. Final. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closedError());
    clearTimeout(this.#retry);
    for (const call of [...this.#queue]) call.fail(closedError());
  }

  #pump(): void {
    if (this.#connection === undefined) this.#open();
    for (const call of this.#queue) {
      if (!this.#connection?.hasRoom) return;
      this.#queue.delete(call);
      call.onSettled = undefined;
      this.#connection.send(call);
    }
  }

  /**
   * A call gave up before it was sent. When the whole window is held by calls that were given up as well, the daemon
   * is not going to free it soon: a new connection gets a new window.
   */
  #forget(call: Call<unknown>): void {
    this.#queue.delete(call);
    if (this.#connection?.stalled) this.#connection.close(new ConnectionLostError('libvirt answers no call any more'));
  }

  #open(): void {
    if (this.#opening || this.#retry !== undefined || this.#closing.signal.aborted) return;
    this.#opening = true;
    void this.#attempt().finally(() => {
      this.#opening = false;
      if (this.#connection === undefined) this.#openLater();
      else this.#pump();
    });
  }

  async #attempt(): Promise<void> {
    try {
      const connection = await openSession(this.#options, this.#closing.signal, {
        lifecycle: event => this.#listener.lifecycle(event),
        room: () => this.#room(),
        closed: error => this.#lost(error),
      });
      // Between the last reply and this line either side may have ended it.
      if (connection.closedBy !== undefined) throw connection.closedBy;
      this.#connection = connection;
      this.#failures = 0;
      this.#lastError = undefined;
      this.#listener.up();
    } catch (error) {
      this.#failures += 1;
      this.#lastError = error instanceof Error ? error : new Error(String(error));
      if (!this.#closing.signal.aborted) this.#listener.down(this.#lastError, true);
    }
  }

  #room(): void {
    if (this.#connection !== undefined) this.#pump();
  }

  #lost(error: Error): void {
    if (this.#connection === undefined) return;
    this.#connection = undefined;
    this.#lastError = error;
    if (this.#closing.signal.aborted) return;
    this.#listener.down(error, false);
    this.#openLater();
  }

  #openLater(): void {
    const wanted = this.#options.events || this.#queue.size > 0;
    if (!wanted || this.#retry !== undefined || this.#closing.signal.aborted) return;
    const { reconnectMinMs, reconnectMaxMs } = this.#options;
    const delay = Math.min(reconnectMinMs * 2 ** Math.max(0, this.#failures - 1), reconnectMaxMs);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#open();
    }, delay);
  }
}

function closedError(): ConnectionLostError {
  return new ConnectionLostError('the libvirt client was closed');
}
