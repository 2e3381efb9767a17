import type { Pass } from '../../controller/look.ts';
import type { Clock } from '../../controller/ports.ts';

/** However many ask, the host is looked at for them no more often than this, ms. */
const BETWEEN_MS = 1_000;
/** Whoever asks is answered by then, ms. */
const ANSWER_MS = 10_000;

interface Asker {
  /** ms since the epoch. */
  readonly since: number;
  readonly answer: (isThere: boolean) => void;
}

/** Answers those who need a look that began after they asked. What it costs the host does not grow with their number. */
export class FreshLooks {
  readonly #clock: Clock;
  readonly #look: () => void;
  readonly #askers = new Set<Asker>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #callOff: (() => void) | undefined;

  /** @param look asks the controller for a look now. */
  constructor(clock: Clock, look: () => void) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Resolves when a look that began after this has succeeded: true; false when none does in time. */
  ask(): Promise<boolean> {
    return new Promise(resolve => {
      const asker: Asker = {
        since: this.#clock.now(),
        answer: isThere => {
          callOff();
          this.#askers.delete(asker);
          resolve(isThere);
        },
      };
      const callOff = this.#clock.after(ANSWER_MS, () => asker.answer(false));
      this.#askers.add(asker);
      this.#request();
    });
  }

  hear({ look, durationMs }: Pass): void {
    const began = this.#clock.now() - durationMs;
    if (look !== undefined) for (const asker of [...this.#askers]) if (began > asker.since) asker.answer(true);
    // One that was under way when they asked is not enough for these.
    if (this.#askers.size > 0) this.#request();
  }

  /** Answers all: there will be no look. */
  close(): void {
    for (const asker of [...this.#askers]) asker.answer(false);
    this.#callOff?.();
  }

  #request(): void {
    if (this.#callOff !== undefined) return;
    const delayMs = Math.max(0, this.#lookedAt + BETWEEN_MS - this.#clock.now());
    this.#callOff = this.#clock.after(delayMs, () => {
      this.#callOff = undefined;
      this.#lookedAt = this.#clock.now();
      this.#look();
    });
  }
}
