/** One answer of xenstored, from when it is asked for. It stays what it is when it is called into question. */
export interface Answer<T> {
  /** Until it has come: settles with it. */
  coming?: Promise<unknown> | undefined;
  /** Once it has come; undefined where there is no such node. */
  given?: T | undefined;
}

/** What is kept about one node. */
interface Kept {
  /** The names of its children. */
  names?: Answer<string[]> | undefined;
  /** The values of its children, by name. */
  values?: Map<string, Answer<string>>;
  /** To be called when it, or something below or above it, is called into question. */
  doubters?: Set<() => void> | undefined;
  /** The paths right below it about which something is kept, or below which. */
  below?: Set<string>;
}

/** Answers of xenstored that are kept, each with the folder that it is about. */
export class KeptAnswers {
  readonly #nodes = new Map<string, Kept>();

  /** The list of a folder, if it is kept. */
  names(folder: string): Answer<string[]> | undefined {
    return this.#nodes.get(folder)?.names;
  }

  /** Keeps the list of a folder, or with undefined does not keep it any more. */
  keepNames(folder: string, answer: Answer<string[]> | undefined): void {
    this.#at(folder).names = answer;
  }

  /** The values of a folder's children, to be added to and taken from. */
  values(folder: string): Map<string, Answer<string>> {
    const kept = this.#at(folder);
    kept.values ??= new Map();
    return kept.values;
  }

  /** Whether a node's value, and the list of its folder, are kept. */
  isKept(path: string): { readonly value: boolean; readonly list: boolean } {
    const folder = parentOf(path);
    const kept = this.#nodes.get(folder);
    return {
      value: kept?.values?.has(path.slice(folder.length + 1)) === true,
      list: kept?.names !== undefined,
    };
  }

  /** Calls `doubter` the next time that something at, below or above the path is called into question. */
  onDoubt(path: string, doubter: () => void): void {
    const kept = this.#at(path);
    if (kept.doubters === undefined) kept.doubters = new Set([doubter]);
    else kept.doubters.add(doubter);
  }

  /**
   * Forgets what a change at a path calls into question: the node and all below it; and each list above it that does not
   * show the way down to it yet, since what is missing may have been made together with it. The list of its own folder is
   * kept only where it shows a node whose value is kept as well: that will be read again, and tells if it has been removed.
   * @returns whether anything that was kept is forgotten now.
   */
  doubt(path: string): boolean {
    const { value } = this.isKept(path);
    let forgot = this.#forget(path);
    this.#detach(path);
    for (let child = path, above = parentOf(path); above !== ''; child = above, above = parentOf(above)) {
      const kept = this.#nodes.get(above);
      if (kept === undefined) continue;
      const name = child.slice(above.length + 1);
      forgot = kept.values?.delete(name) === true || forgot;
      const isShown = kept.names?.given?.includes(name) === true && (child !== path || value);
      if (kept.names !== undefined && !isShown) {
        kept.names = undefined;
        forgot = true;
      }
      callDoubters(kept);
      if (isEmpty(kept)) this.#detach(above);
    }
    return forgot;
  }

  /** Forgets everything, and calls nobody. */
  clear(): void {
    this.#nodes.clear();
  }

  #at(path: string): Kept {
    const known = this.#nodes.get(path);
    if (known !== undefined) return known;
    const fresh: Kept = {};
    this.#nodes.set(path, fresh);
    const above = parentOf(path);
    if (above !== '') {
      const kept = this.#at(above);
      if (kept.below === undefined) kept.below = new Set([path]);
      else kept.below.add(path);
    }
    return fresh;
  }

  #detach(path: string): void {
    this.#nodes.delete(path);
    this.#nodes.get(parentOf(path))?.below?.delete(path);
  }

  #forget(path: string): boolean {
    const kept = this.#nodes.get(path);
    if (kept === undefined) return false;
    this.#nodes.delete(path);
    let forgot = kept.names !== undefined || (kept.values?.size ?? 0) > 0;
    for (const child of kept.below ?? []) forgot = this.#forget(child) || forgot;
    callDoubters(kept);
    return forgot;
  }
}

function isEmpty({ names, values, doubters, below }: Kept): boolean {
  return names === undefined && doubters === undefined && !values?.size && !below?.size;
}

function callDoubters(kept: Kept): void {
  const { doubters } = kept;
  if (doubters === undefined) return;
  kept.doubters = undefined;
  for (const doubter of doubters) doubter();
}

/** The path of a node's parent; empty for what has none. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
