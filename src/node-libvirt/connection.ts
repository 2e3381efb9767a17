import type { Socket } from 'node:net';
import type { Call } from './call.ts';
import { ConnectionLostError, ProtocolError } from './errors.ts';
import { type Frame, FrameParser, MessageStatus, MessageType, Program, stampSerial } from './frame.ts';
import { Keepalive, type KeepaliveOptions } from './keepalive.ts';
import { encodeKeepalive, KeepaliveProcedure } from './messages.ts';

/** What a connection tells its owner. */
export interface ConnectionListener {
  /** A message nobody asked for. What it throws ends the connection. */
  event(procedureNumber: number, body: Buffer): void;
  /** A call was answered, so another one may be sent. */
  room(): void;
  /** The connection is over; every call sent over it has been rejected. Told once. */
  closed(error: Error): void;
}

/** One connected socket: numbers the calls, matches the replies, keeps alive, and ends as a whole. */
export class Connection {
  readonly #socket: Socket;
  readonly #listener: ConnectionListener;
  readonly #window: number;
  readonly #parser = new FrameParser();
  readonly #inFlight = new Map<number, Call<unknown>>();
  #lastSerial = 0;
  #keepalive: Keepalive | undefined;
  #closedBy: Error | undefined;

  /** Takes over a connected `socket`; at most `window` calls are in flight on it. */
  constructor(socket: Socket, window: number, listener: ConnectionListener) {
    this.#socket = socket;
    this.#window = window;
    this.#listener = listener;
    socket.on('data', chunk => this.#receive(chunk));
    socket.on('error', error =>
      this.close(new ConnectionLostError(`libvirt connection broke: ${error.message}`, { cause: error })),
    );
    socket.on('end', () => this.close(new ConnectionLostError('libvirt closed the connection')));
    socket.on('close', () => this.close(new ConnectionLostError('libvirt closed the connection')));
  }

  /** Why the connection is over; undefined while it stands. */
  get closedBy(): Error | undefined {
    return this.#closedBy;
  }

  /** Whether a call can be sent now. */
  get hasRoom(): boolean {
    return this.#closedBy === undefined && this.#inFlight.size < this.#window;
  }

  /** Whether all room is held by calls that nobody waits for any more. */
  get stalled(): boolean {
    return this.#inFlight.size >= this.#window && [...this.#inFlight.values()].every(call => call.settled);
  }

  /** Sends `call`; ask `hasRoom` first. Its place in the window is free again when the reply comes, however late. */
  send(call: Call<unknown>): void {
    this.#lastSerial = (this.#lastSerial + 1) >>> 0 || 1;
    this.#inFlight.set(this.#lastSerial, call);
    this.#socket.write(stampSerial(call.frame, this.#lastSerial));
  }

  /** Starts to ping. Call it only when the daemon has said that it knows keepalive. */
  startKeepalive(options: KeepaliveOptions): void {
    if (this.#closedBy !== undefined) return;
    const dead = (): void => this.close(new ConnectionLostError(`libvirt answered none of ${options.count} pings`));
    this.#keepalive = new Keepalive(options, () => this.#socket.write(encodeKeepalive('ping')), dead);
  }

  /** Ends the connection: calls in flight are rejected with `error`. Safe to call again. */
  close(error: Error): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = error;
    this.#keepalive?.stop();
    this.#socket.destroy();
    const calls = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const call of calls) call.fail(error);
    this.#listener.closed(error);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#parser.push(chunk)) {
        if (this.#closedBy !== undefined) return;
        this.#keepalive?.heard();
        this.#dispatch(frame);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.close(new ConnectionLostError(`libvirt connection given up: ${reason}`, { cause: error }));
    }
  }

  #dispatch(frame: Frame): void {
    const { program, type, procedure } = frame.header;
    if (program === Program.keepalive) this.#answerKeepalive(procedure);
    else if (program !== Program.remote) throw new ProtocolError(`program 0x${program.toString(16)} was never called`);
    else if (type === MessageType.message) this.#listener.event(procedure, frame.body);
    else if (type === MessageType.reply) this.#settle(frame);
    else
      throw new ProtocolError(`message type ${type} is not for a client that opened no stream and sent no descriptor`);
  }

  #answerKeepalive(procedure: number): void {
    // Whatever still waits to be written proves life as well, and must not pile up when nobody reads it.
    if (procedure === KeepaliveProcedure.ping && !this.#socket.writableNeedDrain)
      this.#socket.write(encodeKeepalive('pong'));
  }

  #settle({ header, body }: Frame): void {
    const call = this.#inFlight.get(header.serial);
    if (call === undefined) throw new ProtocolError(`serial ${header.serial} was never sent`);
    if (call.procedure.number !== header.procedure)
      throw new ProtocolError(
        `procedure ${header.procedure} answers serial ${header.serial}, a ${call.procedure.name}`,
      );
    this.#inFlight.delete(header.serial);
    if (header.status === MessageStatus.ok) call.succeed(body);
    else call.refuse(body);
    this.#listener.room();
  }
}
