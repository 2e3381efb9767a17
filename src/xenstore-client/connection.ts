import type { CallTarget, PendingCall } from './call.ts';
import { CallQueue } from './call-queue.ts';
import { ConnectionLostError, InvalidRequestError, ProtocolError } from './errors.ts';
import { FrameParser } from './frame-parser.ts';
import { startTimer } from './timer.ts';
import type { OpenTransport, Transport } from './transport.ts';
import { encodeFrame, type Frame, MessageType } from './wire.ts';

/** How a connection is opened and what it may hold. */
export interface ConnectionOptions {
  readonly open: OpenTransport;
  /** Most requests in flight. */
  readonly window: number;
  /** Most requests waiting for a place in the window. */
  readonly maxQueued: number;
  /** Most payload bytes in a reply. */
  readonly maxReply: number;
  /** Most time from a frame's first byte to its last, in ms: xenstored writes a frame as a whole. */
  readonly frameMs: number;
  /** Called for each watch event, before anything that follows it on the wire. */
  onWatchEvent(path: string, token: string): void;
  /** Called once, the moment the connection has ended: its calls fail or come back right after. */
  onEnded(connection: Connection, cause: Error): void;
}

/**
 * One connection to xenstored, from its opening to its end: it matches replies to calls by request id.
 *
 * A reply that nobody waits for, of the wrong type or that cannot be decoded, ends the connection: after that there is
 * no telling which answer belongs to which question. Every call fails then; none is sent again by itself.
 */
export class Connection implements CallTarget {
  /** Resolves when the transport holds no resource any more. */
  readonly gone: Promise<void>;
  readonly #options: ConnectionOptions;
  readonly #parser: FrameParser;
  readonly #queue: CallQueue;
  /** Calls that were sent, by request id. One whose caller has given up stays until its reply has come. */
  readonly #inFlight = new Map<number, PendingCall>();
  #transport: Transport | undefined;
  #lastId = 0;
  #ended: Error | undefined;
  #answered = false;
  #frameTimer: NodeJS.Timeout | undefined;
  #transportClosed: () => void = () => {};

  private constructor(options: ConnectionOptions) {
    this.gone = new Promise(resolve => {
      this.#transportClosed = resolve;
    });
    this.#options = options;
    this.#parser = new FrameParser(options.maxReply);
    this.#queue = new CallQueue(options.maxQueued);
  }

  /** Opens a connection. @throws what the transport's opener throws */
  static async open(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
    const connection = new Connection(options);
    const transport = await options.open(
      { data: chunk => connection.#receive(chunk), closed: cause => connection.#closed(cause) },
      signal,
    );
    connection.#transport = transport;
    if (connection.#ended) transport.close();
    return connection;
  }

  /** Whether xenstored has answered anything on this connection: a sign that it is really there. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Whether answers and watch events come in the order in which xenstored sent them. */
  get inOrder(): boolean {
    return this.#transport?.inOrder === true;
  }

  /** Why the connection has ended; undefined while it has not. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  /** Sends a call as soon as the window has room. */
  submit(call: PendingCall): void {
    if (call.settled) return;
    const mustWait = !this.#queue.isEmpty || !this.#hasRoom;
    if (mustWait) this.#endIfDeaf();
    if (this.#ended) this.#giveBack(call, this.#ended);
    else if (!mustWait) this.#send(call);
    else this.#queue.add(call);
  }

  get #hasRoom(): boolean {
    return this.#inFlight.size < (this.#transport?.pipelined === false ? 1 : this.#options.window);
  }

  /** When nobody waits any more for any answer that is due, none can be hoped for: a new connection is better. */
  #endIfDeaf(): void {
    // While an answer is taken in, nothing may be due: what it leads to is sent after what waits.
    if (this.#inFlight.size === 0) return;
    for (const call of this.#inFlight.values()) if (!call.settled) return;
    this.end(new Error(`no answer to any of ${this.#inFlight.size} requests`));
  }

  /** Ends the connection: fails what is in flight, gives back what was not sent, closes the transport. */
  end(cause: Error): void {
    if (this.#ended) return;
    this.#ended = cause;
    clearTimeout(this.#frameTimer);
    this.#options.onEnded(this, cause);
    const sent = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const call of sent) call.fail(new ConnectionLostError(call.request, cause));
    for (const call of this.#queue.drain()) this.#giveBack(call, cause);
    this.#transport?.close();
  }

  #closed(cause: Error): void {
    this.end(cause);
    this.#transportClosed();
  }

  #giveBack(call: PendingCall, cause: Error): void {
    if (call.onUnsent) call.onUnsent(call);
    else call.fail(new ConnectionLostError(call.request, cause));
  }

  #send(call: PendingCall): void {
    const { type, transactionId, payload } = call.request;
    const transport = this.#transport;
    if (!transport || payload.length > transport.maxPayload) {
      call.fail(new InvalidRequestError(`${payload.length} bytes of payload do not fit this transport`, call.request));
      return;
    }
    const requestId = this.#nextId();
    this.#inFlight.set(requestId, call);
    transport.send(encodeFrame({ type, requestId, transactionId, payload }));
  }

  /** 0 is left out: it is what watch events carry. */
  #nextId(): number {
    do this.#lastId = this.#lastId === 0xffffffff ? 1 : this.#lastId + 1;
    while (this.#inFlight.has(this.#lastId));
    return this.#lastId;
  }

  #receive(chunk: Uint8Array): void {
    if (this.#ended) return;
    try {
      for (const frame of this.#parser.push(chunk)) {
        this.#dispatch(frame);
        if (this.#ended) return;
        this.#frameDone();
      }
      if (this.#parser.inFrame) this.#frameTimer ??= this.#expectRest();
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #frameDone(): void {
    clearTimeout(this.#frameTimer);
    this.#frameTimer = undefined;
  }

  #expectRest(): NodeJS.Timeout {
    const { frameMs } = this.#options;
    return startTimer(() => this.end(new ProtocolError(`a frame is not complete after ${frameMs} ms`)), frameMs);
  }

  #dispatch(frame: Frame): void {
    // A watch event's request id means nothing: through the kernel's device it is not even initialised.
    if (frame.type === MessageType.WatchEvent) this.#watchEvent(frame.payload);
    else this.#reply(frame);
  }

  #watchEvent(payload: Buffer): void {
    const [path, token] = splitTwo(payload);
    this.#options.onWatchEvent(path, token);
  }

  #reply(frame: Frame): void {
    const call = this.#inFlight.get(frame.requestId);
    if (!call) throw new ProtocolError(`a reply to request ${frame.requestId}, which was never sent`);
    this.#inFlight.delete(frame.requestId);
    try {
      if (frame.type === MessageType.Error) call.refuse(errorCode(frame.payload));
      else if (frame.type === call.request.type) call.answer(frame.payload, this);
      else throw new ProtocolError(`a reply of type ${frame.type} to a request of type ${call.request.type}`);
    } catch (error) {
      if (error instanceof Error) call.fail(error);
      throw error;
    }
    this.#answered = true;
    this.#pump();
  }

  /** Fills the window when half of it is empty: so many requests go out in one piece, and not each by itself. */
  #pump(): void {
    if (this.#inFlight.size > this.#options.window / 2) return;
    while (this.#hasRoom) {
      const call = this.#queue.shift();
      if (call === undefined) return;
      this.#send(call);
    }
  }
}

/** `E<something>|` in the specification: the name of an errno value. */
function errorCode(payload: Buffer): string {
  const text = payload.toString('latin1', 0, 64);
  const code = /^(E[A-Z0-9]{1,30})\0?$/.exec(text)?.[1];
  if (code === undefined) throw new ProtocolError(`${JSON.stringify(text)} is not an error name`);
  return code;
}

/** `<epath>|<token>|` in the specification; newer versions may add more fields. */
function splitTwo(payload: Buffer): [string, string] {
  const [path, token, end] = payload.toString('latin1').split('\0');
  if (path === undefined || token === undefined || end === undefined) {
    throw new ProtocolError(`a watch event of ${payload.length} bytes without path and token`);
  }
  return [path, token];
}
