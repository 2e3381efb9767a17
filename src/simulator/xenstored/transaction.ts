import { parentPath, type Store } from '../model/store.ts';

/** One change that a transaction will make. */
export type Change = (store: Store) => void;

/** No node there: differs from every generation. */
const ABSENT = -1;

/**
 * A view of the store that nobody else changes. At its end the changes are made one after the other, unless a node that
 * was looked at or changed is no longer as it was.
 */
export class Transaction {
  readonly view: Store;
  /** As it was when the transaction began: what it changes itself is no conflict. */
  readonly #before: Store;
  readonly #touched = new Map<string, number>();
  readonly #changes: Change[] = [];

  constructor(store: Store) {
    this.view = store.snapshot();
    this.#before = store.snapshot();
  }

  /** Notes that the outcome depends on this node. */
  touch(path: string): void {
    if (!this.#touched.has(path)) this.#touched.set(path, generationOf(this.#before, path));
  }

  /** Changes the view now, and the store at the end. */
  change(path: string, change: Change): void {
    // A new node changes the list of its parent's children; that is what two writers collide in.
    this.touch(this.view.find(path) === undefined ? parentPath(path) : path);
    change(this.view);
    this.#changes.push(change);
  }

  /** @returns false on a conflict; then nothing was changed. */
  commit(store: Store): boolean {
    for (const [path, generation] of this.#touched) if (generationOf(store, path) !== generation) return false;
    for (const change of this.#changes) change(store);
    return true;
  }
}

function generationOf(store: Store, path: string): number {
  return store.find(path)?.generation ?? ABSENT;
}
