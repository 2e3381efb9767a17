import type { Socket } from 'node:net';
import {
  encodeFrame,
  type Frame,
  FrameParser,
  MAX_PAYLOAD_BYTES,
  MessageType,
  ProtocolError,
} from '../../xenstore-client/index.ts';
import type { Faults, Strike } from '../faults.ts';
import type { Dom0 } from '../model/dom0.ts';
import { Access, fields, NODE_REQUESTS, Refused, strings } from './requests.ts';
import { Transaction } from './transaction.ts';
import { Watches } from './watches.ts';

/** Most transactions that one connection may have open; each holds a copy of the store. */
const TRANSACTIONS_MAX = 64;

/** Bytes that may wait for a client that does not read. */
const UNREAD_MAX = 4_194_304;

/** One client of xenstored. Answers go out in the order of the requests, watch events as they happen. */
export class Connection {
  readonly #socket: Socket;
  readonly #dom0: Dom0;
  readonly #faults: Faults;
  readonly #parser = new FrameParser(MAX_PAYLOAD_BYTES);
  readonly #watches: Watches;
  readonly #transactions = new Map<number, Transaction>();
  #nextTransaction = 1;

  constructor(socket: Socket, dom0: Dom0, faults: Faults) {
    this.#socket = socket;
    this.#dom0 = dom0;
    this.#faults = faults;
    this.#watches = new Watches((path, token) => {
      this.#send({ type: MessageType.WatchEvent, requestId: 0, transactionId: 0, payload: strings(path, token) });
    });
    socket.on('data', chunk => this.#receive(chunk));
  }

  /** Tells the client of a change, if it watches there. */
  fire(path: string, removed: boolean): void {
    this.#watches.fire(path, removed);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#parser.push(chunk)) this.#answer(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // As xenstored does: whoever announces more than 4096 bytes is dropped.
      this.#socket.destroy();
    }
  }

  #answer(request: Frame): void {
    const strike = isLook(request) ? this.#faults.take('look') : undefined;
    const reply = this.#replyTo(request, strike);
    if (reply === undefined) this.#socket.destroy();
    else if (strike === undefined || strike.delayMs === 0) this.#send(reply);
    else this.#sendLater(reply, strike.delayMs);
    // A watch fires once when it is set up, after its answer (docs/misc/xenstore.txt).
    if (request.type === MessageType.Watch && reply?.type === MessageType.Watch) this.#fireFirst(request.payload);
  }

  /** @returns undefined when the connection is to break instead. */
  #replyTo(request: Frame, strike: Strike | undefined): Frame | undefined {
    if (strike?.kind === 'connectionLost') return undefined;
    try {
      if (strike?.kind !== undefined) throw new Refused('EIO');
      return { ...request, payload: this.#perform(request) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { ...request, type: MessageType.Error, payload: strings(error.code) };
    }
  }

  #perform(request: Frame): Buffer {
    const onNodes = NODE_REQUESTS.get(request.type);
    if (onNodes !== undefined) return onNodes(this.#access(request.transactionId), request.payload, this.#dom0);
    switch (request.type) {
      case MessageType.Watch: {
        const [path = '', token = ''] = fields(request.payload, 2);
        this.#watches.add(path, token);
        return strings('OK');
      }
      case MessageType.Unwatch: {
        const [path = '', token = ''] = fields(request.payload, 2);
        this.#watches.remove(path, token);
        return strings('OK');
      }
      case MessageType.ResetWatches:
        this.#watches.clear();
        return strings('OK');
      case MessageType.TransactionStart:
        return this.#begin();
      case MessageType.TransactionEnd:
        return this.#end(request);
      default:
        throw new Refused('ENOSYS');
    }
  }

  #access(transactionId: number): Access {
    return new Access(this.#dom0.store, transactionId === 0 ? undefined : this.#transaction(transactionId));
  }

  #transaction(id: number): Transaction {
    const transaction = this.#transactions.get(id);
    if (transaction === undefined) throw new Refused('ENOENT');
    return transaction;
  }

  #begin(): Buffer {
    if (this.#transactions.size >= TRANSACTIONS_MAX) throw new Refused('ENOSPC');
    const id = this.#nextTransaction;
    this.#nextTransaction += 1;
    this.#transactions.set(id, new Transaction(this.#dom0.store));
    return strings(String(id));
  }

  #end(request: Frame): Buffer {
    const transaction = this.#transaction(request.transactionId);
    const [decision] = fields(request.payload, 1);
    if (decision !== 'T' && decision !== 'F') throw new Refused('EINVAL');
    this.#transactions.delete(request.transactionId);
    if (decision === 'T' && !transaction.commit(this.#dom0.store)) throw new Refused('EAGAIN');
    return strings('OK');
  }

  #fireFirst(payload: Buffer): void {
    const [path = '', token = ''] = fields(payload, 2);
    this.#send({ type: MessageType.WatchEvent, requestId: 0, transactionId: 0, payload: strings(path, token) });
  }

  #sendLater(frame: Frame, delayMs: number): void {
    const timer = setTimeout(() => this.#send(frame), delayMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #send(frame: Frame): void {
    if (!this.#socket.writable) return;
    this.#socket.write(encodeFrame(frame));
    if (this.#socket.writableLength > UNREAD_MAX) this.#socket.destroy();
  }
}

/** Every look lists the domains. */
function isLook({ type, payload }: Frame): boolean {
  return type === MessageType.Directory && payload.toString('latin1') === '/local/domain\0';
}
