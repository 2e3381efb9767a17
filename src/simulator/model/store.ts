/** One xenstore node. Values are bytes, kept as Latin-1 text. */
export interface StoreNode {
  value: string;
  /** As in the protocol, owner first: `n0`, `r7`. */
  permissions: readonly string[];
  /** Changes when the value, the permissions or the set of children changes: what transactions conflict by. */
  generation: number;
  readonly children: Map<string, StoreNode>;
}

/** Told of every change: the path, and whether a whole subtree went. Special events have a path that starts with `@`. */
export type StoreListener = (path: string, removed: boolean) => void;

/** Every change takes the next number, so two trees never agree by chance. */
let generations = 0;

const DOM0_ONLY: readonly string[] = ['n0'];

function emptyNode(permissions: readonly string[]): StoreNode {
  generations += 1;
  return { value: '', permissions, generation: generations, children: new Map() };
}

/** xenstore's tree: absolute paths, missing parents are made, removal takes the subtree. It checks no permissions. */
export class Store {
  readonly #root: StoreNode;
  readonly #listeners = new Set<StoreListener>();

  constructor(root: StoreNode = emptyNode(DOM0_ONLY)) {
    this.#root = root;
  }

  /** The node at an absolute path. */
  find(path: string): StoreNode | undefined {
    let node: StoreNode | undefined = this.#root;
    for (const name of namesOf(path)) node = node?.children.get(name);
    return node;
  }

  /** The value, or undefined where there is no node. */
  read(path: string): string | undefined {
    return this.find(path)?.value;
  }

  /** The names below, in the order they were made; empty where there is no node. */
  list(path: string): string[] {
    return [...(this.find(path)?.children.keys() ?? [])];
  }

  /** Writes a value and tells the listeners. */
  write(path: string, value: string): void {
    const node = this.#make(path);
    node.value = value;
    touch(node);
    this.fire(path);
  }

  /** Makes an empty node; an existing one stays as it is, and nobody is told. */
  mkdir(path: string): void {
    if (this.find(path) !== undefined) return;
    touch(this.#make(path));
    this.fire(path);
  }

  /** Removes a node and all below. @returns false where there is none. The root stays. */
  remove(path: string): boolean {
    const last = namesOf(path).at(-1);
    const parent = this.find(parentPath(path));
    if (last === undefined || parent?.children.delete(last) !== true) return false;
    touch(parent);
    this.fire(path, true);
    return true;
  }

  /** Sets a node's permissions. @returns false where there is none. */
  setPermissions(path: string, permissions: readonly string[]): boolean {
    const node = this.find(path);
    if (node === undefined) return false;
    node.permissions = permissions;
    touch(node);
    this.fire(path);
    return true;
  }

  /** Tells the listeners of a change, or of a special event such as `@releaseDomain`. */
  fire(path: string, removed = false): void {
    for (const listener of this.#listeners) listener(path, removed);
  }

  /** @returns a function that ends it. */
  onChange(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A copy for a transaction to work on, without listeners; nodes keep their generations. */
  snapshot(): Store {
    return new Store(copyNode(this.#root));
  }

  #make(path: string): StoreNode {
    let node = this.#root;
    for (const name of namesOf(path)) {
      let child = node.children.get(name);
      if (child === undefined) {
        // New nodes take over their parent's permissions (docs/misc/xenstore.txt).
        child = emptyNode(node.permissions);
        node.children.set(name, child);
        touch(node);
      }
      node = child;
    }
    return node;
  }
}

/** The path one level up; the root is its own parent. */
export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

const PATHS_MAX = 10_000;
/** Paths that have been taken apart: the same few are asked for again and again. */
const namesByPath = new Map<string, readonly string[]>();

function namesOf(path: string): readonly string[] {
  const known = namesByPath.get(path);
  if (known !== undefined) return known;
  const names = path === '/' ? [] : path.slice(1).split('/');
  if (namesByPath.size >= PATHS_MAX) namesByPath.clear();
  namesByPath.set(path, names);
  return names;
}

function touch(node: StoreNode): void {
  generations += 1;
  node.generation = generations;
}

function copyNode(node: StoreNode): StoreNode {
  const children = new Map<string, StoreNode>();
  for (const [name, child] of node.children) children.set(name, copyNode(child));
  return { ...node, children };
}
