import type { Clock } from './ports.ts';

/** A shorter sleep, ms, cannot be told from a process that had to wait between two readings of two clocks. */
const SLEEP_MIN_MS = 1_000;

/**
 * Notices that the host has slept. Timers stand still meanwhile, so nothing fires when it wakes: it is noticed by the
 * next look, which the resync brings at the latest. All that is known of the host holds over a sleep, since xenstored,
 * libvirtd and every domain slept as well; but what has failed before may do now.
 */
export class HostSleep {
  readonly #clock: Clock;
  /** The most that has been read: a reading can only be too low. */
  #known: number;
  #sleptMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#known = clock.asleepMs();
  }

  /** Whether it has slept since the last call. */
  hasSlept(): boolean {
    const grown = this.#clock.asleepMs() - this.#known;
    if (grown > 0) this.#known += grown;
    if (grown < SLEEP_MIN_MS) return false;
    this.#sleptMs += grown;
    return true;
  }

  /** How long it has slept since the last call, as far as noticed, ms. */
  take(): number {
    const sleptMs = this.#sleptMs;
    this.#sleptMs = 0;
    return sleptMs;
  }
}
