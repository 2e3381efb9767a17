import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../api/address.ts';
import { type Faults, InjectedFault, type Operation, strike } from '../faults.ts';

/** The connection is to break instead of an answer. */
export class BrokenConnection extends Error {
  override readonly name = 'BrokenConnection';
}

/** One change to one domain. */
export interface Job<T> {
  /** Jobs of one domain follow each other, as libvirt's do. */
  readonly domain: string;
  readonly operation: Operation;
  readonly device?: Address;
  readonly run: () => T;
  /** Done before and after it, while the domain answers nobody; what `before` throws ends it. */
  readonly before?: () => Promise<void>;
  readonly after?: () => Promise<void>;
  /** What a fault that only claims returns. */
  readonly claimed: T;
}

/** Runs the daemon's changes: one at a time for each domain, each taking its time, with the faults that are ordered. */
export class Jobs {
  readonly #faults: Faults;
  readonly #latencyMs: number;
  readonly #last = new Map<string, Promise<void>>();
  #life = newLife();

  /** @param latencyMs how long each job takes at least. */
  constructor(faults: Faults, latencyMs: number) {
    this.#faults = faults;
    this.#latencyMs = latencyMs;
  }

  /**
   * Runs a job after those of its domain that came before it.
   * @throws what the job throws; {BrokenConnection}; an AbortError when the daemon goes down before it began.
   */
  run<T>(job: Job<T>): Promise<T> {
    const { signal } = this.#life;
    const result = (this.#last.get(job.domain) ?? Promise.resolve()).then(() => this.#take(job, signal));
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(job.domain, settled);
    return result;
  }

  /** The daemon is killed: what has not begun never will. */
  kill(): void {
    this.#life.abort();
    this.#life = newLife();
    this.#last.clear();
  }

  async #take<T>(job: Job<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const { kind, delayMs } = this.#faults.take(job.operation, job.device);
    await sleep(this.#latencyMs + delayMs, undefined, { signal });
    await job.before?.();
    try {
      const result = strike(kind, job.run, job.claimed);
      await job.after?.();
      return result;
    } catch (error) {
      if (error instanceof InjectedFault && error.kind === 'connectionLost') throw new BrokenConnection();
      throw error;
    }
  }
}

/** Every job under way listens to it, and Node warns of more than ten. */
function newLife(): AbortController {
  const life = new AbortController();
  setMaxListeners(0, life.signal);
  return life;
}
