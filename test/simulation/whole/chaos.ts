import type { Random } from '../random.ts';
import type { Life } from './life.ts';
import type { Fault, Tally } from './tally.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How likely each fault is at each occasion; one that is absent never strikes. */
export type Rates = Partial<Record<Fault, number>>;

const HINT_DELAY_MS = 300;

/** What goes wrong, and how long everything takes: all of it from one random source. */
export class Chaos {
  readonly random: Random;
  readonly #time: VirtualTime;
  readonly #tally: Tally;
  readonly #trace: Trace;
  #rates: Rates;
  /** From 0: nothing takes any time, to 1. */
  readonly #slowness: number;

  constructor(
    parts: { readonly random: Random; readonly time: VirtualTime; readonly tally: Tally; readonly trace: Trace },
    rates: Rates,
    slowness: number,
  ) {
    this.random = parts.random;
    this.#time = parts.time;
    this.#tally = parts.tally;
    this.#trace = parts.trace;
    this.#rates = rates;
    this.#slowness = slowness;
  }

  /** From now on nothing goes wrong. */
  end(keep: Rates = {}): void {
    this.#rates = keep;
  }

  /** Whether this goes wrong now. */
  strikes(fault: Fault): boolean {
    const rate = this.#rates[fault];
    if (rate === undefined || !this.random.chance(rate)) return false;
    this.count(fault);
    return true;
  }

  count(fault: Fault): void {
    this.#tally.faults[fault] += 1;
    this.#trace.note(fault);
  }

  /** How long something takes that seldom takes more than `ms`. */
  latency(ms: number): number {
    return this.random.chance(this.#slowness) ? Math.ceil(this.random.next() * ms) : 0;
  }

  /** A hint is on its way to a process, which may be dead when it comes. */
  hint(life: Life, hear: () => void): void {
    if (this.strikes('hintDropped')) return;
    const times = this.strikes('hintDoubled') ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      this.#time.after(this.latency(HINT_DELAY_MS), () => {
        if (!life.isDead) hear();
      });
    }
  }
}
