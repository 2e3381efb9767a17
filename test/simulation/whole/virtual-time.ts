/** The moment at which every run begins, ms since the epoch. */
const START_MS = 1_700_000_000_000;
// As setTimeout: never at once, and never longer than its counter holds.
const DELAY_MIN_MS = 1;
const DELAY_MAX_MS = 2 ** 31 - 1;

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Time that goes on only when told to, from one timer to the next; of two for one moment the first set comes first. */
export class VirtualTime {
  #elapsed = 0;
  #setBy = 0;
  #asleep = 0;
  /** By time, the next one last. */
  readonly #timers: Timer[] = [];

  /** Since the beginning, ms; no jump of the clock moves it. */
  get elapsed(): number {
    return this.#elapsed;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.length;
  }

  /** What the clock on the wall shows, ms since the epoch. */
  wall(): number {
    return START_MS + this.#elapsed + this.#setBy;
  }

  /** How long the host has slept since the beginning, ms. */
  get asleep(): number {
    return this.#asleep;
  }

  /** The host sleeps: timers stand still, the clock on the wall does not. */
  sleep(ms: number): void {
    this.#asleep += ms;
    this.#setBy += ms;
  }

  /** The clock on the wall is set forwards, or with a negative number back; timers do not notice. */
  jump(byMs: number): void {
    this.#setBy += byMs;
  }

  /** @returns a function that calls it off. */
  after(delayMs: number, run: () => void): () => void {
    const delay = Math.min(Math.max(delayMs, DELAY_MIN_MS), DELAY_MAX_MS);
    const timer: Timer = { at: this.#elapsed + delay, run };
    let index = this.#timers.length;
    while (index > 0 && (this.#timers[index - 1]?.at ?? 0) <= timer.at) index -= 1;
    this.#timers.splice(index, 0, timer);
    return () => {
      const place = this.#timers.indexOf(timer);
      if (place !== -1) this.#timers.splice(place, 1);
    };
  }

  /** When the next timer is due, in elapsed ms; undefined when there is none. */
  next(): number | undefined {
    return this.#timers.at(-1)?.at;
  }

  /** Goes on to the next timer and runs it. @returns false when there is none. */
  advance(): boolean {
    const timer = this.#timers.pop();
    if (timer === undefined) return false;
    this.#elapsed = timer.at;
    timer.run();
    return true;
  }
}

/** Resolves when no promise can settle any more: Node comes to what is set here only after all of them. */
export function quiet(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
