import { BACKEND_ROOT } from './model/backend.ts';
import type { Model } from './model/model.ts';

/** Lets the guests answer some time after dom0 has begun an attach, as real ones do: 0.1 to 0.5 s there. */
export class Guests {
  readonly #model: Model;
  readonly #settleMs: number;
  readonly #endListening: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param settleMs until they answer. */
  constructor(model: Model, settleMs: number) {
    this.#model = model;
    this.#settleMs = settleMs;
    const endWatching = model.dom0.store.onChange(path => {
      if (path.startsWith(BACKEND_ROOT)) this.#wake();
    });
    // A guest that is no longer paused may have something to answer.
    const endListening = model.dom0.listen({ instancesChanged: () => this.#wake() });
    this.#endListening = () => {
      endWatching();
      endListening();
    };
  }

  /** They answer no more. */
  close(): void {
    this.#endListening();
    clearTimeout(this.#timer);
  }

  #wake(): void {
    this.#timer ??= setTimeout(() => {
      // What they write is no reason to wake again, so the timer counts as set until they have written.
      this.#model.settle();
      this.#timer = undefined;
    }, this.#settleMs);
  }
}
