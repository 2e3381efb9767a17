/** Hints, coalesced: any number of calls before the next look cause one look. */
export class Wake {
  #pending = false;
  #resolve: (() => void) | undefined;

  /** Asks for a look. */
  now(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  /** Resolves at once when a look was asked for since the last call, else when one is. */
  async wait(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>(resolve => {
        this.#resolve = resolve;
      });
    }
    this.#resolve = undefined;
    this.#pending = false;
  }
}
