import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeBody,
  type ErrorDetails,
  encodeErrorReply,
  encodeKeepalive,
  encodeReply,
  type Frame,
  FrameParser,
  MessageType,
  type Procedure,
  Program,
  procedures,
} from '../../../src/node-libvirt/index.ts';

/** Thrown by an answer: the call fails with this error. */
export class Refusal extends Error {
  readonly details: ErrorDetails;
  constructor(code: number, message: string) {
    super(message);
    const none = { str1: null, str2: null, str3: null, int1: 0, int2: 0 };
    this.details = { code, domain: 41, message, level: 2, ...none };
  }
}

/** One connection of a client, seen from the daemon. */
export class FakeClient {
  readonly socket: Socket;
  readonly received: Frame[] = [];
  /** Calls not yet answered, and the most there were at once. */
  open = 0;
  mostOpen = 0;
  constructor(socket: Socket) {
    this.socket = socket;
  }
}

type Answer = (body: Buffer, frame: Frame, client: FakeClient) => Buffer | undefined | Promise<Buffer | undefined>;

/** A libvirtd as small as can be: the product's codecs from the other side, with every answer replaceable. */
export class FakeDaemon {
  readonly socketPath: string;
  readonly clients: FakeClient[] = [];
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'fake-libvirtd-'));
  readonly #answers = new Map<number, Answer>();
  #server: Server | undefined;
  #answersPings = true;

  constructor() {
    this.socketPath = join(this.#folder, 'sock');
    this.answer(procedures.authList, () => [0]);
    this.answer(procedures.connectSupportsFeature, () => 1);
    this.answer(procedures.connectOpen, () => undefined);
    this.answer(procedures.domainEventRegister, () => 0);
    this.answer(procedures.connectRegisterCloseCallback, () => undefined);
    this.answer(procedures.connectGetLibVersion, () => 11_003_000n);
  }

  async listen(): Promise<this> {
    const server = createServer(socket => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.socketPath, resolve));
    return this;
  }

  /** Dies as after kill -9: all sockets closed, nothing listening. */
  async die(): Promise<void> {
    for (const client of this.clients.splice(0)) client.socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise(resolve => server.close(resolve));
    rmSync(this.socketPath, { force: true });
  }

  async remove(): Promise<void> {
    await this.die();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Says how a procedure is answered from now on. */
  answer<Args, Result>(
    procedure: Procedure<Args, Result>,
    give: (args: Args, client: FakeClient) => Result | Promise<Result>,
  ): void {
    this.answerRaw(procedure, async (body, { header }, client) => {
      try {
        return encodeReply(procedure, header.serial, await give(decodeBody(procedure.args, body), client));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return encodeErrorReply(procedure.number, header.serial, error.details);
      }
    });
  }

  /** As `answer`, with the bytes of the reply; undefined for none. */
  answerRaw(procedure: { readonly number: number }, give: Answer): void {
    this.#answers.set(procedure.number, give);
  }

  stopAnsweringPings(): void {
    this.#answersPings = false;
  }

  /** Sends bytes to all clients. */
  send(bytes: Buffer): void {
    for (const client of this.clients) client.socket.write(bytes);
  }

  #accept(socket: Socket): void {
    const client = new FakeClient(socket);
    const parser = new FrameParser();
    this.clients.push(client);
    // A client that goes away in the middle is what some tests are about.
    socket.on('error', () => socket.destroy());
    socket.on('data', chunk => {
      for (const frame of parser.push(chunk)) void this.#receive(client, frame);
    });
  }

  async #receive(client: FakeClient, frame: Frame): Promise<void> {
    client.received.push(frame);
    const { program, procedure, type } = frame.header;
    if (program === Program.keepalive && procedure === 1 && this.#answersPings)
      client.socket.write(encodeKeepalive('pong'));
    if (program !== Program.remote || type !== MessageType.call) return;
    client.open += 1;
    client.mostOpen = Math.max(client.mostOpen, client.open);
    const give = this.#answers.get(procedure);
    if (give === undefined) throw new Error(`the fake daemon has no answer to procedure ${procedure}`);
    const reply = await give(frame.body, frame, client);
    if (reply === undefined) return;
    client.open -= 1;
    if (!client.socket.destroyed) client.socket.write(reply);
  }
}
