/** A key that failed: how often in a row, since when, and when it may be tried again (ms since the epoch). */
export interface Failure {
  readonly count: number;
  readonly since: number;
  readonly until: number;
  readonly error: string;
}

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/** When each key may be tried again: twice as long after each failure, forgotten at the first success. */
export class Backoff {
  readonly #failures = new Map<string, Failure>();
  readonly #options: BackoffOptions;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  due(key: string, now: number): boolean {
    return (this.#failures.get(key)?.until ?? 0) <= now;
  }

  fail(key: string, error: string, now: number): Failure {
    const before = this.#failures.get(key);
    const count = (before?.count ?? 0) + 1;
    const { baseMs, capMs } = this.#options;
    // Past 2^30 the product would lose its meaning long after it has passed the cap.
    const delayMs = Math.min(baseMs * 2 ** Math.min(count - 1, 30), capMs);
    const failure = { count, since: before?.since ?? now, until: now + delayMs, error };
    this.#failures.set(key, failure);
    return failure;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Every key may be tried at once, as if it had never failed. */
  clear(): void {
    this.#failures.clear();
  }

  /** Forgets every key but these: what is no longer planned needs no memory. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#failures.keys()) if (!keys.has(key)) this.#failures.delete(key);
  }

  /** The clock was set back: nothing may wait longer than the cap. */
  clamp(now: number): void {
    for (const [key, failure] of this.#failures) {
      if (failure.until > now + this.#options.capMs) {
        this.#failures.set(key, { ...failure, until: now + this.#options.capMs });
      }
    }
  }

  get(key: string): Failure | undefined {
    return this.#failures.get(key);
  }

  /** How often in a row each key has failed, as of now. */
  counts(): ReadonlyMap<string, number> {
    return new Map([...this.#failures].map(([key, { count }]) => [key, count]));
  }

  /** How many keys are not due yet. */
  waiting(now: number): number {
    return [...this.#failures.values()].filter(failure => failure.until > now).length;
  }

  /** When the next key becomes due; undefined when none waits. */
  nextDue(now: number): number | undefined {
    const times = [...this.#failures.values()].map(failure => failure.until).filter(until => until > now);
    return times.length === 0 ? undefined : Math.min(...times);
  }
}
