/** Functions that want to be told something. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Adds a function; the result takes it away again. */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls each on a turn of its own, so that one that throws cannot break the client in the middle of its work. */
  notify(value: T): void {
    for (const listener of this.#listeners) queueMicrotask(() => listener(value));
  }
}
