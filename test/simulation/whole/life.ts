import type { Clock } from '../../../src/controller/ports.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How long a life lasts: so many points, at the last of which it ends. */
export interface Span {
  readonly points: number;
  /** Whether only points count that are right before or after something has an effect: a step, or the record. */
  readonly isAtEffect: boolean;
}

/**
 * One life of the daemon's process. Whatever it waits for goes through here, so that it can be killed at each such
 * point: then none of its timers fires and none of its calls returns any more, as in life.
 */
export class Life {
  readonly clock: Clock;
  readonly #time: VirtualTime;
  readonly #onDeath: (where: string) => void;
  readonly #timers = new Set<() => void>();
  readonly #ends = new Set<() => void>();
  readonly #countsEffectsOnly: boolean;
  #pointsLeft: number;
  #isDead = false;
  #waits = 0;

  constructor(time: VirtualTime, { points, isAtEffect }: Span, onDeath: (where: string) => void) {
    this.#time = time;
    this.#pointsLeft = points;
    this.#countsEffectsOnly = isAtEffect;
    this.#onDeath = onDeath;
    this.clock = {
      now: () => time.wall(),
      asleepMs: () => time.asleep,
      after: (delayMs, wake) => this.#after(delayMs, wake),
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** How many timers it has set that have not fired. */
  get timers(): number {
    return this.#timers.size;
  }

  /** How much of the world it waits for. */
  get waits(): number {
    return this.#waits;
  }

  /** It dies at no more point. */
  spare(): void {
    this.#pointsLeft = Number.POSITIVE_INFINITY;
  }

  /** The process ends here and now. */
  kill(where: string): void {
    if (this.#isDead) return;
    this.#isDead = true;
    for (const callOff of this.#timers) callOff();
    this.#timers.clear();
    for (const end of this.#ends) end();
    this.#ends.clear();
    this.#onDeath(where);
  }

  /** Something that ends with the process, if not before. @returns the function that ends it. */
  untilDeath(end: () => void): () => void {
    const once = (): void => {
      this.#ends.delete(once);
      end();
    };
    this.#ends.add(once);
    return once;
  }

  /** Something that is waited for: returns, or never does, because this was the end. */
  point(where: string): Promise<void> {
    if (!this.#countsEffectsOnly || EFFECT.test(where)) this.#pointsLeft -= 1;
    if (this.#pointsLeft <= 0) this.kill(where);
    return this.#isDead ? never() : Promise.resolve();
  }

  /** Waits. @throws the reason of `signal` as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.wait<void>(resolve => this.#time.after(ms, resolve), signal);
  }

  /**
   * Waits for something of the world that comes whether or not anybody waits for it.
   * @param begin is given what to call then; returns what calls it off when nobody waits any more.
   * @throws the reason of `signal` as soon as it is aborted.
   */
  wait<T>(begin: (resolve: (value: T) => void) => () => void, signal?: AbortSignal): Promise<T> {
    if (this.#isDead) return never();
    return new Promise<T>((resolve, reject) => {
      let callOff: () => void = () => undefined;
      this.#waits += 1;
      const abort = (): void => {
        callOff();
        this.#waits -= 1;
        if (!this.#isDead) reject(signal?.reason);
      };
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener('abort', abort, { once: true });
      callOff = begin(value => {
        if (signal?.aborted === true) return;
        signal?.removeEventListener('abort', abort);
        this.#waits -= 1;
        if (!this.#isDead) resolve(value);
      });
    });
  }

  #after(delayMs: number, wake: () => void): () => void {
    if (this.#isDead) return () => undefined;
    const callOff = this.#time.after(delayMs, () => {
      this.#timers.delete(end);
      wake();
    });
    const end = (): void => {
      this.#timers.delete(end);
      callOff();
    };
    this.#timers.add(end);
    return end;
  }
}

const EFFECT = /step|rename/;

/** A new one each time: whoever waits for it would be remembered by it. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
