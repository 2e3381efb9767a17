/** What xenstored has answered about one node. */
export interface Answers {
  value?: Promise<string>;
  names?: Promise<string[]>;
  /** What was made of the node and all below it. */
  made?: Promise<unknown>;
}

/** Answers of xenstored that are kept, by path. */
export class KeptAnswers {
  readonly #answers = new Map<string, Answers>();
  /** The paths right below a path at or below which something is kept. */
  readonly #below = new Map<string, Set<string>>();

  /** What is kept about a node, if anything. */
  find(path: string): Readonly<Answers> | undefined {
    return this.#answers.get(path);
  }

  /** What is kept about a node, to be added to. */
  at(path: string): Answers {
    const known = this.#answers.get(path);
    if (known !== undefined) return known;
    const fresh: Answers = {};
    this.#answers.set(path, fresh);
    this.#link(path);
    return fresh;
  }

  /**
   * Forgets what a change at a path calls into question: the node and all below it, what was made of nodes above it, and
   * their lists, since a node may have been made together with its parents, or removed.
   */
  doubt(path: string): void {
    this.#forget(path);
    for (let above = parentOf(path); above !== ''; above = parentOf(above)) {
      const answers = this.#answers.get(above);
      delete answers?.names;
      delete answers?.made;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#answers.clear();
    this.#below.clear();
  }

  #link(path: string): void {
    for (let child = path, above = parentOf(path); above !== ''; child = above, above = parentOf(above)) {
      const siblings = this.#below.get(above);
      if (siblings?.has(child) === true) return;
      if (siblings === undefined) this.#below.set(above, new Set([child]));
      else siblings.add(child);
    }
  }

  #forget(path: string): void {
    this.#answers.delete(path);
    for (const child of this.#below.get(path) ?? []) this.#forget(child);
    this.#below.delete(path);
  }
}

/** The path of a node's parent; empty for what has none. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
