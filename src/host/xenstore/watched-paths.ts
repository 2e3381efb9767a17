/** The part of XenstoreClient that watches. */
export interface Watcher {
  watch(path: string, listener: (event: { readonly path: string }) => void): Promise<{ close(): Promise<void> }>;
}

/** The paths that are covered by watches: whatever changes at or below one of them is told. */
export class WatchedPaths {
  readonly #watcher: Watcher;
  readonly #onChange: (path: string) => void;
  readonly #watches = new Map<string, Promise<{ close(): Promise<void> }>>();
  readonly #covered = new Set<string>();

  /** @param onChange called with each path that may have changed. */
  constructor(watcher: Watcher, onChange: (path: string) => void) {
    this.#watcher = watcher;
    this.#onChange = onChange;
  }

  /** Whether something at the path would be told of. */
  covers(path: string): boolean {
    for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) {
      if (this.#covered.has(path.slice(0, at))) return true;
    }
    return false;
  }

  /** Whether the path has a watch of its own, or will have. */
  has(path: string): boolean {
    return this.#watches.has(path);
  }

  /**
   * Sets a watch up, unless there is one. The paths are covered when this returns.
   * @param others paths at and below which nothing changes but together with the first.
   * @throws what the watcher throws; nothing is covered then.
   */
  async cover(path: string, others: readonly string[]): Promise<void> {
    const known = this.#watches.get(path);
    if (known !== undefined) return void (await known);
    const watch = this.#watch(path, others);
    this.#watches.set(path, watch);
    try {
      await watch;
      if (this.#watches.get(path) === watch) for (const each of [path, ...others]) this.#covered.add(each);
    } catch (error) {
      this.#watches.delete(path);
      throw error;
    }
  }

  /** Covers the path no more, and takes its watch down if it has one; nobody has to wait for that. */
  uncover(path: string): void {
    const watch = this.#watches.get(path);
    this.#watches.delete(path);
    this.#covered.delete(path);
    // A connection that is lost meanwhile has no watches left to take down.
    watch?.then(each => each.close()).catch(() => undefined);
  }

  /** A watch fires once when it is set up: what comes after that is news. */
  async #watch(path: string, others: readonly string[]): Promise<{ close(): Promise<void> }> {
    let fired = (): void => undefined;
    const first = new Promise<void>(resolve => {
      fired = resolve;
    });
    const watch = await this.#watcher.watch(path, event => {
      for (const each of [event.path, ...others]) this.#onChange(each);
      fired();
    });
    await first;
    return watch;
  }
}
