import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeFrame,
  encodeStrings,
  type Frame,
  FrameParser,
  MessageType,
} from '../../../src/xenstore-client/index.ts';

/** One client of a {@link FakeServer}: whatever a test wants it to be told. */
export class Peer {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Answers a request with the right id and type. */
  reply(request: Frame, payload: Buffer): void {
    this.socket.write(encodeFrame({ ...request, payload }));
  }

  /** Refuses a request by an error's name. */
  refuse(request: Frame, code: string): void {
    this.socket.write(encodeFrame({ ...request, type: MessageType.Error, payload: encodeStrings(code) }));
  }

  /** Sends a watch event. */
  event(path: string, token: string): void {
    const payload = encodeStrings(path, token);
    this.socket.write(encodeFrame({ type: MessageType.WatchEvent, requestId: 0, transactionId: 0, payload }));
  }
}

/** What a test's server does with a request. */
export type Answer = (request: Frame, peer: Peer) => void;

/** A server that speaks the protocol and behaves as badly as a test asks it to. */
export class FakeServer {
  readonly socketPath: string;
  /** Every request received so far, over all connections. */
  readonly requests: Frame[] = [];
  readonly peers: Peer[] = [];
  answer: Answer;
  readonly #folder: string;
  #server: Server;

  private constructor(answer: Answer) {
    this.#folder = mkdtempSync(join(tmpdir(), 'fake-xenstored-'));
    this.socketPath = join(this.#folder, 'socket');
    this.answer = answer;
    this.#server = createServer();
  }

  static async start(answer: Answer): Promise<FakeServer> {
    const server = new FakeServer(answer);
    await server.listen();
    return server;
  }

  async listen(): Promise<void> {
    this.#server = createServer(socket => this.#serve(socket));
    await new Promise<void>(resolve => this.#server.listen(this.socketPath, resolve));
  }

  /** Drops every connection and stops listening; {@link listen} begins anew. */
  async halt(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.drop();
    await closed;
  }

  /** Drops every connection, and accepts new ones. */
  drop(): void {
    for (const { socket } of this.peers.splice(0)) socket.destroy();
  }

  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.#folder, { recursive: true });
  }

  #serve(socket: Socket): void {
    const peer = new Peer(socket);
    const parser = new FrameParser();
    this.peers.push(peer);
    socket.on('error', () => socket.destroy());
    socket.on('data', chunk => {
      for (const request of parser.push(chunk)) {
        this.requests.push(request);
        this.answer(request, peer);
      }
    });
  }
}

/** Answers reads with the path that was asked for, sets up watches as xenstored does, and says OK to the rest. */
export function obey(request: Frame, peer: Peer): void {
  const [path = '', token = ''] = request.payload.toString().split('\0');
  switch (request.type) {
    case MessageType.Read:
      peer.reply(request, Buffer.from(path));
      break;
    case MessageType.Watch:
      peer.reply(request, encodeStrings('OK'));
      peer.event(path, token);
      break;
    case MessageType.TransactionStart:
      peer.reply(request, encodeStrings('7'));
      break;
    default:
      peer.reply(request, encodeStrings('OK'));
  }
}
