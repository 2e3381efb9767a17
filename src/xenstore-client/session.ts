import type { PendingCall } from './call.ts';
import { CallQueue } from './call-queue.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import { ClientClosedError, DeadlineError } from './errors.ts';
import { startTimer } from './timer.ts';

/** Pauses between attempts to reconnect: they double from the first to the longest, in ms. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** What a session needs to know, and whom it tells. */
export interface SessionOptions {
  readonly connection: Omit<ConnectionOptions, 'onEnded'>;
  readonly backoff: Backoff;
  /** Most calls waiting for a connection. */
  readonly maxQueued: number;
  /** Time for one attempt to connect, in ms. */
  readonly connectMs: number;
  /** Makes a new connection what the last one was, before anybody else may use it. Rejecting ends the attempt. */
  restore(connection: Connection): Promise<void>;
  /** The connection is lost, or an attempt to open it again has failed. */
  onDisconnect(cause: Error): void;
  /** There is a connection again, and it is restored. */
  onReconnect(): void;
}

/** A connection that is opened again whenever it is lost, until the session is closed. */
export class Session {
  readonly #options: SessionOptions;
  readonly #waiting: CallQueue;
  readonly #closing = new AbortController();
  /** Connections whose transport is not gone yet. */
  readonly #connections = new Set<Connection>();
  readonly #takeBack = (call: PendingCall): void => this.submit(call);
  #current: Connection | undefined;
  #ready = false;
  #pauseMs: number;
  #timer: NodeJS.Timeout | undefined;
  #attempt: Promise<void> = Promise.resolve();

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.#waiting = new CallQueue(options.maxQueued);
    this.#pauseMs = options.backoff.firstMs;
  }

  /** Opens the first connection, in one attempt. @throws ConnectError, DeadlineError, or the signal's reason */
  static async open(options: SessionOptions, signal?: AbortSignal): Promise<Session> {
    signal?.throwIfAborted();
    const session = new Session(options);
    const abort = (): void => session.#closing.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await session.#establish();
      return session;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** The connection in use, or the one being restored; none while disconnected. */
  get current(): Connection | undefined {
    return this.#current;
  }

  /** Hands a call to the connection, or keeps it until there is one. */
  submit(call: PendingCall): void {
    if (this.#closing.signal.aborted) {
      call.fail(new ClientClosedError());
      return;
    }
    call.onUnsent = this.#takeBack;
    if (this.#ready && this.#current) this.#current.submit(call);
    else this.#waiting.add(call);
  }

  /** Fails everything under way with {@link ClientClosedError}; resolves when no file, process or timer is left. */
  async close(): Promise<void> {
    const cause = new ClientClosedError();
    this.#closing.abort(cause);
    clearTimeout(this.#timer);
    for (const call of this.#waiting.drain()) call.fail(cause);
    this.#current?.end(cause);
    await this.#attempt;
    await Promise.all([...this.#connections].map(connection => connection.gone));
  }

  async #establish(): Promise<void> {
    const connection = await this.#connect();
    this.#connections.add(connection);
    void connection.gone.then(() => this.#connections.delete(connection));
    this.#current = connection;
    try {
      this.#closing.signal.throwIfAborted();
      await this.#options.restore(connection);
      if (connection.ended) throw connection.ended;
    } catch (error) {
      this.#current = undefined;
      connection.end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
    this.#ready = true;
  }

  async #connect(): Promise<Connection> {
    const { connection: options, connectMs } = this.#options;
    const limit = new AbortController();
    const closing = (): void => limit.abort(this.#closing.signal.reason);
    const timer = startTimer(() => limit.abort(new DeadlineError({ operation: 'connect' }, connectMs)), connectMs);
    this.#closing.signal.addEventListener('abort', closing, { once: true });
    try {
      const onEnded = (ended: Connection, cause: Error): void => this.#ended(ended, cause);
      return await Connection.open({ ...options, onEnded }, limit.signal);
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener('abort', closing);
    }
  }

  /** An ending while a connection is being restored shows in `restore`; only that of a ready one counts here. */
  #ended(connection: Connection, cause: Error): void {
    if (!this.#ready || this.#current !== connection) return;
    this.#ready = false;
    this.#current = undefined;
    if (this.#closing.signal.aborted) return;
    if (connection.answered) this.#pauseMs = this.#options.backoff.firstMs;
    this.#reconnectLater(cause);
  }

  #reconnectLater(cause: Error): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, this.#options.backoff.longestMs);
    this.#timer = startTimer(() => {
      this.#attempt = this.#reconnect();
    }, pauseMs);
    this.#options.onDisconnect(cause);
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#establish();
    } catch (error) {
      if (!this.#closing.signal.aborted)
        this.#reconnectLater(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    for (const call of this.#waiting.drain()) this.submit(call);
    this.#options.onReconnect();
  }
}
