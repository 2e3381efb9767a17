import type { Clock } from './ports.ts';

/** Looks that hints of the host may cause at once: many more than any change of a person or of ours sets off. */
const BURST = 50;
/** How soon one more is granted, ms. */
const REFILL_MS = 200;

/**
 * Bounds the looks that the host's hints cause. A guest can make pciback write to its backend's state as often as it
 * likes, and each writing is a hint: without a bound it would keep dom0 looking all the time. The bound is by timers, so
 * that no jump of the clock changes it, and there is none while no hint came for some time.
 */
export class HintLimit {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #left = BURST;
  #isHinted = false;
  #callOff: (() => void) | undefined;

  /** @param wake asks for a look. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Something may have changed: asks for a look, now or as soon as one is granted. */
  hint(): void {
    this.#isHinted = true;
    if (this.#left > 0) this.#wake();
  }

  /** A look begins, whoever asked for it: it answers all hints so far. */
  begin(): void {
    if (this.#isHinted) this.#left = Math.max(0, this.#left - 1);
    this.#isHinted = false;
    if (this.#left < BURST) this.#callOff ??= this.#clock.after(REFILL_MS, () => this.#refill());
  }

  /** Ends its timer. */
  end(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #refill(): void {
    this.#left += 1;
    this.#callOff = this.#left < BURST ? this.#clock.after(REFILL_MS, () => this.#refill()) : undefined;
    if (this.#isHinted) this.#wake();
  }
}
