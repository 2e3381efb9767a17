/** Collects values as they come, and lets a test wait for one of them without guessing how long that takes. */
export class EventLog<T> {
  readonly values: T[] = [];
  #wake: () => void = () => {};

  /** Adds a value. It is bound, to be handed over as a listener. */
  readonly add = (value: T): void => {
    this.values.push(value);
    this.#wake();
  };

  /** Resolves when there are at least `count` values that fit. The test's own timeout is the limit. */
  async until(fits: (value: T) => boolean, count = 1): Promise<void> {
    while (this.values.filter(fits).length < count) {
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }
}
