import { Call, type Request, submitUnattended } from './call.ts';
import type { Connection } from './connection.ts';
import { encodeStrings, MessageType } from './wire.ts';

/** Something at or below a watched path was written, created, removed or given other permissions. */
export interface WatchEvent {
  /** The path that changed; the watched path itself when a parent of it was removed, or when the watch was set up. */
  readonly path: string;
}

/** Called for each event of a watch. An exception it throws is uncaught: it ends the process unless that is handled. */
export type WatchListener = (event: WatchEvent) => void;

interface Entry {
  readonly path: string;
  readonly token: string;
  readonly listener: WatchListener;
  /** Whether xenstored has confirmed it once: only then is it restored on a new connection. */
  confirmed: boolean;
}

/** The watches of a client, by token. They outlive connections: each new one gets all of them again. */
export class WatchTable {
  readonly #entries = new Map<string, Entry>();
  #lastToken = 0;

  /** Adds a watch that is not set up yet. Its events are delivered from now on. */
  add(path: string, listener: WatchListener): string {
    this.#lastToken += 1;
    const token = `w${this.#lastToken}`;
    this.#entries.set(token, { path, token, listener, confirmed: false });
    return token;
  }

  /** Notes that xenstored has set the watch up. */
  confirm(token: string): void {
    const entry = this.#entries.get(token);
    if (entry) entry.confirmed = true;
  }

  /** Removes a watch; its listener is not called any more. Returns false when it was gone already. */
  remove(token: string): boolean {
    return this.#entries.delete(token);
  }

  /**
   * Calls a watch's listener, after the current bytes have been taken in and in the order of the events. An event for
   * an unknown token is no fault: it was on its way when the watch was removed.
   */
  deliver(path: string, token: string): void {
    queueMicrotask(() => this.#entries.get(token)?.listener({ path }));
  }

  /** Sets every confirmed watch up on a new connection. Each fires once by that. @throws what any of them fails with */
  async restore(connection: Connection, deadlineMs: number): Promise<void> {
    const confirmed = [...this.#entries.values()].filter(entry => entry.confirmed);
    const calls = confirmed.map(entry => new Call(watchRequest(entry.path, entry.token), deadlineMs, undefined));
    for (const call of calls) connection.submit(call);
    await Promise.all(calls.map(call => call.promise));
  }
}

/** `WATCH <wpath>|<token>|`. A watch set up after its caller has given up is taken down again. */
export function watchRequest(path: string, token: string): Request<void> {
  return {
    operation: 'watch',
    path,
    type: MessageType.Watch,
    transactionId: 0,
    payload: encodeStrings(path, token),
    decode: () => {},
    discard: (_payload, connection) => submitUnattended(connection, unwatchRequest(path, token)),
  };
}

/** `UNWATCH <wpath>|<token>|`. */
export function unwatchRequest(path: string, token: string): Request<void> {
  return {
    operation: 'unwatch',
    path,
    type: MessageType.Unwatch,
    transactionId: 0,
    payload: encodeStrings(path, token),
    decode: () => {},
  };
}
