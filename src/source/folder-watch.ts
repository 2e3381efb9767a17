import { relative, resolve, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';

const COALESCE_MS = 100;

/** What a watch calls. */
export interface WatchListener {
  /** Something below the folder may have changed; called at most once in 100 ms. */
  readonly changed: () => void;
  /** Watching does not work in full, for example because the kernel has no watches left (ENOSPC). */
  readonly failed: (error: Error) => void;
}

/**
 * Watches a folder that may come, go and be replaced. It only ever hints: nothing is lost when it is blind, but time.
 */
export class FolderWatch {
  readonly #folder: string;
  readonly #listener: WatchListener;
  #watcher: FSWatcher | undefined;
  #pending: NodeJS.Timeout | undefined;
  #closing: Promise<void> = Promise.resolve();

  constructor(folder: string, listener: WatchListener) {
    this.#folder = resolve(folder);
    this.#listener = listener;
    this.arm([]);
  }

  /**
   * Starts over, for what is now at the folder's path: watches cling to folders, not to names.
   * @param targets real paths of what links lead to. Links are not followed here, since they may lead in circles.
   */
  arm(targets: readonly string[]): void {
    this.#disarm();
    const roots = [this.#folder, ...targets];
    // For a folder that is not there chokidar watches the one above it; there is nothing else to see in that one.
    const watcher = watch(roots, {
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
      ignored: path => !roots.some(root => isOnWay(path, root)),
    });
    const changed = (): void => this.#changed();
    // What changed before it was ready it has not seen.
    watcher.on('ready', changed).on('all', changed).on('raw', changed);
    watcher.on('error', error => this.#listener.failed(error instanceof Error ? error : new Error(String(error))));
    this.#watcher = watcher;
  }

  /** Ends the watch; no call follows. */
  async close(): Promise<void> {
    this.#disarm();
    clearTimeout(this.#pending);
    this.#pending = undefined;
    await this.#closing;
  }

  #disarm(): void {
    const watcher = this.#watcher;
    if (watcher === undefined) return;
    this.#watcher = undefined;
    watcher.removeAllListeners();
    // An error of a watcher that is being closed concerns nobody, and without a listener it would end the process.
    watcher.on('error', () => undefined);
    const closed = watcher.close();
    this.#closing = this.#closing.then(() => closed);
  }

  #changed(): void {
    this.#pending ??= setTimeout(() => {
      this.#pending = undefined;
      this.#listener.changed();
    }, COALESCE_MS);
  }
}

/** Whether a path is the folder, in it, or above it. */
function isOnWay(path: string, folder: string): boolean {
  const absolute = resolve(path);
  return isSameOrBelow(absolute, folder) || isSameOrBelow(folder, absolute);
}

function isSameOrBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`);
}
