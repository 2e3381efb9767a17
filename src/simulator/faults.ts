import type { Address } from '../api/address.ts';

/** What a fault can be told to strike. */
export type Operation = 'bind' | 'rebind' | 'attach' | 'detach' | 'release' | 'configure' | 'look' | 'start' | 'stop';

/**
 * How it strikes: the operation is refused and nothing happens; it is done but reported as failed; it is reported as
 * done but nothing happens; or the connection goes before an answer, with the operation done.
 */
export type FaultKind = 'refused' | 'doneButFailed' | 'claimedButNotDone' | 'connectionLost';

/** One fault to come. */
export interface Fault {
  readonly operation: Operation;
  /** Only for this device; any when absent. */
  readonly device?: Address;
  /** Nothing but the delay when absent. */
  readonly kind?: FaultKind;
  /** Milliseconds before the operation begins; the servers and `xl` wait, the model in memory does not. */
  readonly delayMs?: number;
  /** How often it strikes; once when absent. */
  readonly times?: number;
}

/** What to do to one operation. */
export interface Strike {
  readonly kind: FaultKind | undefined;
  readonly delayMs: number;
}

const NO_STRIKE: Strike = { kind: undefined, delayMs: 0 };

/** The faults that are still to come, in the order they were ordered. */
export class Faults {
  #pending: { fault: Fault; left: number }[] = [];

  /** Orders a fault. */
  add(fault: Fault): void {
    this.#pending.push({ fault, left: fault.times ?? 1 });
  }

  /** Calls off all that have not struck. */
  clear(): void {
    this.#pending = [];
  }

  /** How many strikes are still to come. */
  get pending(): number {
    return this.#pending.reduce((sum, { left }) => sum + left, 0);
  }

  /** The fault for an operation that begins now; it is used up by that. */
  take(operation: Operation, device?: Address): Strike {
    const entry = this.#pending.find(
      ({ fault }) => fault.operation === operation && (fault.device === undefined || fault.device === device),
    );
    if (entry === undefined) return NO_STRIKE;
    entry.left -= 1;
    if (entry.left === 0) this.#pending = this.#pending.filter(other => other !== entry);
    return { kind: entry.fault.kind, delayMs: entry.fault.delayMs ?? 0 };
  }
}

/** What a struck operation says of itself. */
export class InjectedFault extends Error {
  override readonly name = 'InjectedFault';
  readonly kind: FaultKind;
  constructor(kind: FaultKind) {
    super(`injected fault: ${kind}`);
    this.kind = kind;
  }
}

/**
 * Runs an operation as a fault wants it.
 * @param claimed what it returns when it only claims to be done.
 * @throws {InjectedFault}, or what `run` throws.
 */
export function strike<T>(kind: FaultKind | undefined, run: () => T, claimed: T): T {
  switch (kind) {
    case undefined:
      return run();
    case 'claimedButNotDone':
      return claimed;
    case 'refused':
      throw new InjectedFault(kind);
    case 'doneButFailed':
    case 'connectionLost':
      run();
      throw new InjectedFault(kind);
  }
}
