import { Call, type CallTarget, type Request, type RequestOptions, submitUnattended } from './call.ts';
import { CallGroup } from './call-group.ts';
import { InvalidRequestError, ProtocolError, type RequestLabel, XenstoreError } from './errors.ts';
import { Store } from './store.ts';
import { decodeStrings, encodeStrings, MessageType } from './wire.ts';

/** Limits of a transaction. `deadlineMs` and `signal` hold for each request that names none of its own. */
export interface TransactionOptions extends RequestOptions {
  /** How often the whole transaction is run before a conflict is given to the caller as EAGAIN. Default 32. */
  readonly maxAttempts?: number | undefined;
}

/** A transaction that has been started: a number, and the connection in which alone it means something. */
export interface StartedTransaction {
  readonly id: number;
  readonly connection: CallTarget;
}

/** A view of the store that nobody else changes; what is written in it becomes true at its end, or not at all. */
export class Transaction extends Store {
  protected readonly transactionId: number;
  readonly #connection: CallTarget;
  readonly #defaults: RequestOptions & { readonly deadlineMs: number };
  #open = true;

  constructor(started: StartedTransaction, defaults: RequestOptions & { readonly deadlineMs: number }) {
    super();
    this.transactionId = started.id;
    this.#connection = started.connection;
    this.#defaults = defaults;
  }

  /** Commits. @throws XenstoreError with EAGAIN when somebody else has changed what was read */
  async commit(): Promise<void> {
    const committed = this.ask(endRequest(this.transactionId, 'T'), {});
    this.#open = false;
    return committed;
  }

  /**
   * Gives the transaction up, unless its end was sent already: xenstored may have given its number to another one then.
   * Nobody waits for the answer: the server forgets the transaction with the connection at the latest.
   */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    submitUnattended(this.#connection, endRequest(this.transactionId, 'F'));
  }

  protected async ask<T>(request: Request<T>, options: RequestOptions): Promise<T> {
    this.#checkOpen(request);
    const { deadlineMs, signal } = this.#defaults;
    const call = new Call(request, options.deadlineMs ?? deadlineMs, options.signal ?? signal);
    this.#connection.submit(call);
    return call.promise;
  }

  protected async askAll<T>(requests: readonly Request<T>[], options: RequestOptions): Promise<(T | undefined)[]> {
    for (const request of requests) this.#checkOpen(request);
    const { deadlineMs, signal } = this.#defaults;
    const group = new CallGroup(requests, options.deadlineMs ?? deadlineMs, options.signal ?? signal);
    for (const call of group.calls) this.#connection.submit(call);
    return group.promise;
  }

  #checkOpen(request: RequestLabel): void {
    if (!this.#open) throw new InvalidRequestError('the transaction has ended', request);
  }
}

/**
 * Runs `body` in a transaction and commits it; on a conflict all of it is run again, up to the given number of times.
 * When `body` throws, the transaction is discarded and the error passed on.
 */
export async function runTransaction<T>(
  start: () => Promise<StartedTransaction>,
  body: (transaction: Transaction) => Promise<T>,
  options: TransactionOptions & { readonly deadlineMs: number; readonly maxAttempts: number },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const transaction = new Transaction(await start(), options);
    try {
      const result = await body(transaction);
      await transaction.commit();
      return result;
    } catch (error) {
      transaction.discard();
      const conflict = error instanceof XenstoreError && error.code === 'EAGAIN';
      if (!conflict || attempt >= options.maxAttempts) throw error;
    }
  }
}

/** TRANSACTION_START `|` answers `<transid>|`, a decimal number. One started too late is ended at once. */
export function startRequest(): Request<StartedTransaction> {
  const decode = (payload: Buffer, connection: CallTarget): StartedTransaction => ({
    id: transactionId(payload),
    connection,
  });
  return {
    operation: 'transaction',
    type: MessageType.TransactionStart,
    transactionId: 0,
    payload: encodeStrings(''),
    decode,
    discard: (payload, connection) => submitUnattended(connection, endRequest(transactionId(payload), 'F')),
  };
}

/** TRANSACTION_END `T|` commits, `F|` discards. */
function endRequest(id: number, decision: 'T' | 'F'): Request<void> {
  return {
    operation: 'transaction',
    type: MessageType.TransactionEnd,
    transactionId: id,
    payload: encodeStrings(decision),
    decode: () => {},
  };
}

function transactionId(payload: Buffer): number {
  const [text] = decodeStrings(payload) ?? [];
  const id = /^[0-9]{1,10}$/.test(text ?? '') ? Number(text) : 0;
  if (id === 0 || id > 0xffffffff) throw new ProtocolError('TRANSACTION_START answered no transaction id');
  return id;
}
