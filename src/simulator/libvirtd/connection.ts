import type { Socket } from 'node:net';
import {
  ErrorCode,
  ErrorDomain,
  encodeErrorReply,
  encodeEvent,
  encodeKeepalive,
  type Frame,
  FrameParser,
  KeepaliveProcedure,
  lifecycleEvent,
  lifecycleEvents,
  MessageType,
  Program,
  ProtocolError,
} from '../../node-libvirt/index.ts';
import { InjectedFault } from '../faults.ts';
import type { LifecycleNotice } from '../model/libvirt.ts';
import { internalError, LibvirtRefusal } from '../model/refusal.ts';
import { type ClientState, type Daemon, newClient } from './daemon.ts';
import { HANDLERS } from './handlers.ts';
import { BrokenConnection } from './jobs.ts';

/** Calls of one client under way at once; libvirtd's default (libvirtd.conf, max_client_requests). */
const REQUESTS_MAX = 5;
/** Bytes that may wait for a client that does not read. */
const UNREAD_MAX = 67_108_864;

/** One client of libvirtd. It is not read while five of its calls are under way. */
export class Connection {
  readonly #socket: Socket;
  readonly #daemon: Daemon;
  readonly #client: ClientState = newClient();
  readonly #parser = new FrameParser();
  /** Read already, and not begun: what one chunk held beyond the five. */
  #waiting: Frame[] = [];
  #underWay = 0;

  constructor(socket: Socket, daemon: Daemon) {
    this.#socket = socket;
    this.#daemon = daemon;
    socket.on('data', chunk => this.#receive(chunk));
  }

  /** Tells the client of an event, once for each of its subscriptions. */
  notify({ domain, domid, event, detail }: LifecycleNotice): void {
    const { name, uuid } = domain;
    for (const { callbackId, uuid: only } of this.#client.subscriptions.values()) {
      if (only !== undefined && only !== uuid) continue;
      const ref = { name, uuid, id: domid ?? -1 };
      const number = lifecycleEvents.indexOf(event);
      this.#send(encodeEvent(lifecycleEvent, { callbackId, domain: ref, event: number, detail }));
    }
  }

  /** Asks whether the client is still there, if it can be asked. */
  ping(): void {
    if (this.#client.keepalive) this.#send(encodeKeepalive('ping'));
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#parser.push(chunk)) this.#waiting.push(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#socket.destroy();
      return;
    }
    this.#proceed();
  }

  #proceed(): void {
    while (this.#underWay < REQUESTS_MAX) {
      const frame = this.#waiting.shift();
      if (frame === undefined) break;
      this.#take(frame);
    }
    if (this.#underWay < REQUESTS_MAX) this.#socket.resume();
    else this.#socket.pause();
  }

  #take(frame: Frame): void {
    const { program, procedure, type } = frame.header;
    if (program === Program.keepalive) {
      if (procedure === KeepaliveProcedure.ping) this.#send(encodeKeepalive('pong'));
    } else if (program !== Program.remote || type !== MessageType.call) {
      this.#refuse(frame, new LibvirtRefusal(ErrorCode.rpc, `Cannot find program ${program}`, ErrorDomain.rpc));
    } else {
      this.#underWay += 1;
      void this.#answer(frame).finally(() => {
        this.#underWay -= 1;
        this.#proceed();
      });
    }
  }

  async #answer(frame: Frame): Promise<void> {
    const { procedure, serial } = frame.header;
    try {
      const handler = HANDLERS.get(procedure);
      if (handler === undefined) {
        throw new LibvirtRefusal(ErrorCode.rpc, `unknown procedure: ${procedure}`, ErrorDomain.rpc);
      }
      if (!handler.early && !this.#client.isOpen) throw internalError('connection not open');
      this.#send(await handler.answer(this.#daemon, this.#client, frame.body, serial));
    } catch (error) {
      if (error instanceof BrokenConnection) this.#socket.destroy();
      else this.#refuse(frame, refusalOf(error));
    }
  }

  #refuse({ header }: Frame, { code, domain, message }: LibvirtRefusal): void {
    const rest = { level: 2, str1: message, str2: null, str3: null, int1: -1, int2: -1 };
    this.#send(encodeErrorReply(header.procedure, header.serial, { code, domain, message, ...rest }));
  }

  #send(frame: Buffer): void {
    if (!this.#socket.writable) return;
    this.#socket.write(frame);
    if (this.#socket.writableLength > UNREAD_MAX) this.#socket.destroy();
  }
}

/** A client's hostile input must not end the daemon: whatever went wrong is told to whoever asked. */
function refusalOf(error: unknown): LibvirtRefusal {
  if (error instanceof LibvirtRefusal) return error;
  if (error instanceof InjectedFault) return internalError(error.message);
  return internalError(error instanceof Error ? error.message : String(error));
}
