import { Call, type Request, type RequestOptions } from './call.ts';
import { CallGroup } from './call-group.ts';
import { ConnectionLostError } from './errors.ts';
import { Listeners } from './listeners.ts';
import { DEFAULT_DEVICE_PATH, DEFAULT_SOCKET_PATH, socketOrDevice } from './open-transport.ts';
import { checkPathOrEvent } from './path.ts';
import { copied, domainPathRequest, isIntroducedRequest, request } from './requests.ts';
import { type Backoff, Session, type SessionOptions } from './session.ts';
import { Store } from './store.ts';
import { runTransaction, startRequest, type Transaction, type TransactionOptions } from './transaction.ts';
import type { OpenTransport } from './transport.ts';
import { unwatchRequest, type WatchListener, WatchTable, watchRequest } from './watches.ts';
import { encodeStrings, MAX_REPLY_BYTES } from './wire.ts';

/** Settings of a client. Every one has a default. */
export interface XenstoreClientOptions {
  /** xenstored's socket, tried first. Default `/run/xenstored/socket`. */
  readonly socketPath?: string | undefined;
  /** The kernel's device, for when there is no socket. Default `/dev/xen/xenbus`. */
  readonly devicePath?: string | undefined;
  /** Time for an answer in ms, unless a request names its own. Default 5000. */
  readonly deadlineMs?: number | undefined;
  /** Time for one attempt to connect in ms. Default: `deadlineMs`. */
  readonly connectMs?: number | undefined;
  /** Most requests in flight. Default 128: more made xenstored slower, not faster. */
  readonly window?: number | undefined;
  /** Most requests waiting beyond that. Default 16384. */
  readonly maxQueued?: number | undefined;
  /** Most payload bytes accepted in a reply. Default 1 MiB. */
  readonly maxReplyBytes?: number | undefined;
  /** Pauses between attempts to reconnect. Default 50 ms, doubling up to 5 s. */
  readonly backoff?: Backoff | undefined;
  /** Gives up connecting. It has no effect on a client that is connected. */
  readonly signal?: AbortSignal | undefined;
  /** Another way to xenstored than socket or device. */
  readonly transport?: OpenTransport | undefined;
}

/** A watch that is set up. */
export interface Watch {
  readonly path: string;
  /** Takes the watch down; its listener is not called any more, from this moment on. Closing twice is no error. */
  close(options?: RequestOptions): Promise<void>;
}

/** What a client and its session share. */
interface Parts {
  readonly watches: WatchTable;
  readonly deadlineMs: number;
  readonly disconnected: Listeners<Error>;
  readonly reconnected: Listeners<void>;
}

const DEFAULT_DEADLINE_MS = 5000;
const DEFAULT_WINDOW = 128;
const DEFAULT_MAX_QUEUED = 16_384;
const DEFAULT_BACKOFF: Backoff = { firstMs: 50, longestMs: 5000 };
const DEFAULT_ATTEMPTS = 32;

/**
 * A client of xenstored.
 *
 * It may have many requests under way at once. When the connection is lost, what is in flight fails, new requests wait,
 * and the client connects again, sets its watches up again (each fires once) and goes on, until it is closed.
 */
export class XenstoreClient extends Store {
  protected readonly transactionId: number = 0;
  readonly #session: Session;
  readonly #watches: WatchTable;
  readonly #deadlineMs: number;
  readonly #disconnected: Listeners<Error>;
  readonly #reconnected: Listeners<void>;

  private constructor(session: Session, parts: Parts) {
    super();
    this.#session = session;
    this.#watches = parts.watches;
    this.#deadlineMs = parts.deadlineMs;
    this.#disconnected = parts.disconnected;
    this.#reconnected = parts.reconnected;
  }

  /**
   * Connects, in one attempt.
   * @throws ConnectError naming every path that was tried, DeadlineError, the signal's reason, or RangeError for an
   * option that is not above 0
   */
  static async connect(options: XenstoreClientOptions = {}): Promise<XenstoreClient> {
    const parts: Parts = {
      watches: new WatchTable(),
      deadlineMs: positive(options.deadlineMs ?? DEFAULT_DEADLINE_MS, 'deadlineMs'),
      disconnected: new Listeners(),
      reconnected: new Listeners(),
    };
    return new XenstoreClient(await Session.open(sessionOptions(options, parts), options.signal), parts);
  }

  /**
   * Watches a node and everything below it, or an event such as `@introduceDomain`. The listener is called once as the
   * watch is set up, perhaps before the promise resolves, and once again after every reconnection: events may have
   * been missed meanwhile.
   */
  async watch(path: string, listener: WatchListener, options: RequestOptions = {}): Promise<Watch> {
    checkPathOrEvent(path, 'watch');
    const token = this.#watches.add(path, listener);
    try {
      await this.ask(watchRequest(path, token), options);
    } catch (error) {
      this.#watches.remove(token);
      throw error;
    }
    this.#watches.confirm(token);
    return { path, close: closeOptions => this.#unwatch(path, token, closeOptions ?? {}) };
  }

  /**
   * Runs `body` in a transaction and commits what it did. On a conflict `body` is run again from the start, so it must
   * have no effects but those in the transaction. It must wait for everything it asks for. A transaction lives in one
   * connection: when that is lost, it fails with ConnectionLostError.
   */
  async transaction<T>(body: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const deadlineMs = options.deadlineMs ?? this.#deadlineMs;
    const maxAttempts = options.maxAttempts ?? DEFAULT_ATTEMPTS;
    return runTransaction(() => this.ask(startRequest(), options), body, { ...options, deadlineMs, maxAttempts });
  }

  /** The path below which a domain keeps its nodes: `/local/domain/7`. The domain need not exist. */
  async getDomainPath(domid: number, options: RequestOptions = {}): Promise<string> {
    return this.ask(domainPathRequest(domid), options);
  }

  /** Whether xenstored serves the domain: it was introduced, and neither released nor destroyed since. */
  async isDomainIntroduced(domid: number, options: RequestOptions = {}): Promise<boolean> {
    return this.ask(isIntroducedRequest(domid), options);
  }

  /**
   * Sends any other request, each field followed by a NUL, and resolves with the reply's bare payload.
   * @param type one of `MessageType`
   */
  async request(type: number, fields: readonly string[], options: RequestOptions = {}): Promise<Buffer> {
    return this.ask(request({ operation: `request ${type}`, type }, encodeStrings(...fields), copied), options);
  }

  /**
   * Whether there is a connection on which answers and watch events come in the order in which xenstored sent them: then
   * every change that was made before an answer has been told before it. Not so over the kernel's device.
   */
  get eventsInOrder(): boolean {
    return this.#session.current?.inOrder === true;
  }

  /**
   * Calls the listener when the connection is lost, and each time an attempt to restore it fails, with the reason.
   * @returns a function that takes the listener away
   */
  onDisconnect(listener: (cause: Error) => void): () => void {
    return this.#disconnected.add(listener);
  }

  /** Calls the listener when there is a connection again and all watches are set up. Returns like {@link onDisconnect}. */
  onReconnect(listener: () => void): () => void {
    return this.#reconnected.add(listener);
  }

  /**
   * Closes the client for good. What is under way rejects with ClientClosedError, or with ConnectionLostError if it had
   * been sent. Resolves when no socket, file, process or timer of the client is left.
   */
  async close(): Promise<void> {
    await this.#session.close();
  }

  protected ask<T>(request: Request<T>, options: RequestOptions): Promise<T> {
    const call = new Call(request, options.deadlineMs ?? this.#deadlineMs, options.signal);
    this.#session.submit(call);
    return call.promise;
  }

  protected askAll<T>(requests: readonly Request<T>[], options: RequestOptions): Promise<(T | undefined)[]> {
    const group = new CallGroup(requests, options.deadlineMs ?? this.#deadlineMs, options.signal);
    for (const call of group.calls) this.#session.submit(call);
    return group.promise;
  }

  /** Without a connection there is nothing to take down: the watch will not be set up on the next one. */
  async #unwatch(path: string, token: string, options: RequestOptions): Promise<void> {
    const connection = this.#session.current;
    if (!this.#watches.remove(token) || !connection) return;
    const call = new Call(unwatchRequest(path, token), options.deadlineMs ?? this.#deadlineMs, options.signal);
    connection.submit(call);
    try {
      await call.promise;
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
    }
  }
}

function sessionOptions(options: XenstoreClientOptions, parts: Parts): SessionOptions {
  const { watches, deadlineMs, disconnected, reconnected } = parts;
  const { socketPath = DEFAULT_SOCKET_PATH, devicePath = DEFAULT_DEVICE_PATH } = options;
  const maxQueued = positive(options.maxQueued ?? DEFAULT_MAX_QUEUED, 'maxQueued');
  return {
    connection: {
      open: options.transport ?? socketOrDevice(socketPath, devicePath),
      window: positive(options.window ?? DEFAULT_WINDOW, 'window'),
      maxQueued,
      maxReply: positive(options.maxReplyBytes ?? MAX_REPLY_BYTES, 'maxReplyBytes'),
      frameMs: deadlineMs,
      onWatchEvent: (path, token) => watches.deliver(path, token),
    },
    backoff: options.backoff ?? DEFAULT_BACKOFF,
    maxQueued,
    connectMs: positive(options.connectMs ?? deadlineMs, 'connectMs'),
    restore: connection => watches.restore(connection, deadlineMs),
    onDisconnect: cause => disconnected.notify(cause),
    onReconnect: () => reconnected.notify(),
  };
}

function positive(value: number, name: string): number {
  if (value > 0) return value;
  throw new RangeError(`xenstore client: ${name} is ${value}; it must be above 0`);
}
