import type { XenstoreReader } from '../../../src/host/xenstore-nodes.ts';
import type { XenstoreAccess } from '../../../src/host/xenstore-view.ts';
import { XenstoreError } from '../../../src/xenstore-client/index.ts';

/** Nodes in memory, read as a client reads them. Parents of a node exist. */
export class FakeStore implements XenstoreAccess {
  readonly nodes: Map<string, string> = new Map();
  /** What `isDomainIntroduced` answers. */
  readonly introduced: Set<number> = new Set();
  /** Every path that was read or listed. */
  readonly asked: Set<string> = new Set();
  readonly #watches: Set<{ readonly path: string; readonly listener: () => void }> = new Set();
  /** How many transactions to fail with EAGAIN first. */
  conflicts = 0;

  /** @param transcript lines as `xenstore-ls -f` prints them; the domains that are introduced. */
  constructor(transcript: string, ...introduced: number[]) {
    for (const line of transcript.split('\n')) {
      const [, path, value] = /^\s*(\/\S+) = "(.*)"/.exec(line) ?? [];
      if (path !== undefined && value !== undefined) this.nodes.set(path, value);
    }
    for (const domid of introduced) this.introduced.add(domid);
  }

  async read(path: string): Promise<string> {
    this.asked.add(path);
    const value = this.nodes.get(path);
    if (value !== undefined) return value;
    if (this.#children(path).size > 0) return '';
    throw new XenstoreError('ENOENT', { operation: 'read', path });
  }

  async directory(path: string): Promise<string[]> {
    this.asked.add(path);
    const names = this.#children(path);
    if (names.size === 0 && !this.nodes.has(path)) throw new XenstoreError('ENOENT', { operation: 'directory', path });
    return [...names];
  }

  async transaction<T>(
    body: (reader: XenstoreReader) => Promise<T>,
    { maxAttempts = 32 }: { readonly maxAttempts?: number },
  ): Promise<T> {
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      const result = await body(this);
      if (this.conflicts === 0) return result;
      this.conflicts -= 1;
    }
    throw new XenstoreError('EAGAIN', { operation: 'transaction' });
  }

  async watch(path: string, listener: () => void): Promise<{ close(): Promise<void> }> {
    const watch = { path, listener };
    this.#watches.add(watch);
    queueMicrotask(listener);
    return { close: async () => void this.#watches.delete(watch) };
  }

  /** Watches that have not been closed. */
  get watching(): number {
    return this.#watches.size;
  }

  /** Writes a node, or removes it with all below it, and tells who watches it. */
  set(path: string, value: string | undefined): void {
    if (value === undefined) {
      for (const node of [...this.nodes.keys()]) if (`${node}/`.startsWith(`${path}/`)) this.nodes.delete(node);
    } else this.nodes.set(path, value);
    for (const watch of this.#watches) if (`${path}/`.startsWith(`${watch.path}/`)) watch.listener();
  }

  async isDomainIntroduced(domid: number): Promise<boolean> {
    return this.introduced.has(domid);
  }

  #children(path: string): Set<string> {
    const names = new Set<string>();
    for (const node of this.nodes.keys()) {
      const [name] = node.startsWith(`${path}/`) ? node.slice(path.length + 1).split('/') : [];
      if (name !== undefined) names.add(name);
    }
    return names;
  }
}
