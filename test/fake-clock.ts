import type { Clock } from '../src/controller/ports.ts';

/** Time that a test owns. */
export class FakeClock implements Clock {
  /** Timers go by this; it only ever goes on. */
  #now = 1_700_000_000_000;
  #setBackMs = 0;
  #asleepMs = 0;
  readonly #timers = new Map<number, { at: number; wake: () => void }>();
  #nextId = 0;

  now(): number {
    return this.#now - this.#setBackMs;
  }

  asleepMs(): number {
    return this.#asleepMs;
  }

  after(delayMs: number, wake: () => void): () => void {
    const id = this.#nextId++;
    this.#timers.set(id, { at: this.#now + delayMs, wake });
    return () => this.#timers.delete(id);
  }

  /** Lets this much time pass, timer by timer, and everything that the timers set off. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#earliest(end); next !== undefined; next = this.#earliest(end)) {
      const [id, { at, wake }] = next;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      wake();
      await settle();
    }
    this.#now = end;
  }

  /** The clock is set back, as an administrator or NTP does. */
  setBack(ms: number): void {
    this.#setBackMs += ms;
  }

  /** The host sleeps: the clock on the wall goes on, timers do not. */
  sleep(ms: number): void {
    this.#asleepMs += ms;
    this.#setBackMs -= ms;
  }

  #earliest(end: number) {
    return [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));
}
