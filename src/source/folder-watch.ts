import { type FSWatcher, lstatSync, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

const COALESCE_MS = 100;

/** What a watch calls. */
export interface WatchListener {
  /** Something below the folder may have changed; called at most once in 100 ms. */
  readonly changed: () => void;
  /** Watching does not work in full, for example because the kernel has no watches left (ENOSPC). */
  readonly failed: (error: Error) => void;
}

/**
 * Watches a folder that may come, go and be replaced. It only ever hints: nothing is lost when it is blind, but time. The
 * kernel tells of each file of a folder that is watched, so what it costs does not grow with the files.
 */
export class FolderWatch {
  readonly #folder: string;
  readonly #listener: WatchListener;
  /** Of the folders above, where the next one on the way may come, go and be replaced. */
  #onWay: FSWatcher[] = [];
  #onTargets: FSWatcher[] = [];
  #pending: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(folder: string, listener: WatchListener) {
    this.#folder = resolve(folder);
    this.#listener = listener;
    this.arm([]);
  }

  /**
   * Starts over, for what is now at the folder's path: watches cling to folders, not to names.
   * @param targets real paths of all folders, and of the files that links lead to.
   */
  arm(targets: readonly string[]): void {
    if (this.#isClosed) return;
    this.#watchWay();
    end(this.#onTargets);
    const watchers = [...new Set([this.#folder, ...targets])].map(path => this.#watch(path, () => this.#changed()));
    this.#onTargets = watchers.filter(watcher => watcher !== undefined);
    // What changed before it was watched nobody has seen.
    this.#changed();
  }

  /** Ends the watch; no call follows. */
  async close(): Promise<void> {
    this.#isClosed = true;
    end(this.#onWay);
    end(this.#onTargets);
    clearTimeout(this.#pending);
    this.#pending = undefined;
  }

  /** Of each folder above only the name that leads on is of interest: in /etc or /tmp much else happens. */
  #watchWay(): void {
    end(this.#onWay);
    const watchers = stepsTo(this.#folder).map(({ above, name }) =>
      this.#watch(above, (kind, changed) => {
        // A folder that goes itself tells so by its own name.
        if (kind !== 'rename' || ![null, name, basename(above)].includes(changed)) return;
        // What is there now, or is no longer, leads on in another way.
        this.#watchWay();
        this.#changed();
      }),
    );
    this.#onWay = watchers.filter(watcher => watcher !== undefined);
  }

  /** @returns undefined when there is nothing to watch; when that changes, a folder above it tells. */
  #watch(path: string, heard: (kind: string, name: string | null) => void): FSWatcher | undefined {
    try {
      const watcher = watch(path, heard);
      watcher.on('error', error => this.#failed(error));
      return watcher;
    } catch (cause) {
      this.#failed(cause instanceof Error ? cause : new Error(String(cause)));
      return undefined;
    }
  }

  #failed(error: Error): void {
    if (this.#isClosed || ('code' in error && GONE.has(error.code))) return;
    this.#listener.failed(error);
  }

  #changed(): void {
    if (this.#isClosed) return;
    this.#pending ??= setTimeout(() => {
      this.#pending = undefined;
      this.#listener.changed();
    }, COALESCE_MS);
  }
}

/** What is not there, or not to be entered: reading says so, where it matters. */
const GONE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP']);

/**
 * The folders above a folder in which something may happen that matters to it, and the name in each that leads on: the
 * one right above it, and those where a link, or nothing, is on the way.
 */
function stepsTo(folder: string): { readonly above: string; readonly name: string }[] {
  const above = dirname(folder);
  if (above === folder) return [];
  const isNear = (path: string): boolean => path === folder || !isPlainFolder(path);
  return [folder, ...waysAbove(above)].filter(isNear).map(path => ({ above: dirname(path), name: basename(path) }));
}

function waysAbove(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [] : [folder, ...waysAbove(above)];
}

function isPlainFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    // Not there, or not to be seen: what becomes of it is of interest.
    return false;
  }
}

function end(watchers: readonly FSWatcher[]): void {
  for (const watcher of watchers) watcher.close();
}
