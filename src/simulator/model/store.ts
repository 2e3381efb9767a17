/** One xenstore node. Values are bytes, kept as Latin-1 text. */
export interface StoreNode {
  readonly value: string;
  /** As in the protocol, owner first: `n0`, `r7`. */
  readonly permissions: readonly string[];
  /** Changes when the value, the permissions or the set of children changes: what transactions conflict by. */
  readonly generation: number;
  readonly children: ReadonlyMap<string, StoreNode>;
}

/** A node that may be changed by the tree whose mark it bears, and is copied before that by any other. */
interface TreeNode extends StoreNode {
  value: string;
  permissions: readonly string[];
  generation: number;
  readonly children: Map<string, TreeNode>;
  readonly tree: symbol;
}

/** Told of every change: the path, and whether a whole subtree went. Special events have a path that starts with `@`. */
export type StoreListener = (path: string, removed: boolean) => void;

/** Every change takes the next number, so two trees never agree by chance. */
let generations = 0;

const DOM0_ONLY: readonly string[] = ['n0'];

function emptyNode(permissions: readonly string[], tree: symbol): TreeNode {
  generations += 1;
  return { value: '', permissions, generation: generations, children: new Map(), tree };
}

/** xenstore's tree: absolute paths, missing parents are made, removal takes the subtree. It checks no permissions. */
export class Store {
  #root: TreeNode;
  /** What its own nodes are marked with. */
  #tree = Symbol('tree');
  readonly #listeners = new Set<StoreListener>();

  /** @param root of another tree, which is left as it is; an empty one when absent. */
  constructor(root?: TreeNode) {
    this.#root = root ?? emptyNode(DOM0_ONLY, this.#tree);
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
    if (last === undefined || this.find(path) === undefined) return false;
    const parent = this.#make(parentPath(path));
    parent.children.delete(last);
    touch(parent);
    this.fire(path, true);
    return true;
  }

  /** Sets a node's permissions. @returns false where there is none. */
  setPermissions(path: string, permissions: readonly string[]): boolean {
    if (this.find(path) === undefined) return false;
    const node = this.#make(path);
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
    // From now on both trees have these nodes, so neither may change them.
    this.#tree = Symbol('tree');
    return new Store(this.#root);
  }

  /** The node at a path, made where there is none, for this tree to change. */
  #make(path: string): TreeNode {
    this.#root = this.#own(this.#root);
    let node = this.#root;
    for (const name of namesOf(path)) {
      const found = node.children.get(name);
      // New nodes take over their parent's permissions (docs/misc/xenstore.txt).
      const child = found === undefined ? emptyNode(node.permissions, this.#tree) : this.#own(found);
      if (child !== found) node.children.set(name, child);
      if (found === undefined) touch(node);
      node = child;
    }
    return node;
  }

  #own(node: TreeNode): TreeNode {
    return node.tree === this.#tree ? node : { ...node, children: new Map(node.children), tree: this.#tree };
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

function touch(node: TreeNode): void {
  generations += 1;
  node.generation = generations;
}
