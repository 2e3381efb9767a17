import type { XenstoreReader } from '../../../src/host/xenstore/nodes.ts';
import type { XenstoreAccess } from '../../../src/host/xenstore/view.ts';
import { XenstoreError } from '../../../src/xenstore-client/index.ts';

/** Nodes in memory, read as a client reads them. Parents of a node exist, and stay when it goes. */
export class FakeStore implements XenstoreAccess {
  readonly nodes: Map<string, string> = new Map();
  /** What `isDomainIntroduced` answers. */
  readonly introduced: Set<number> = new Set();
  /** Every path that was read or listed. */
  readonly asked: Set<string> = new Set();
  readonly #watches: Set<{ readonly path: string; readonly listener: (event: { readonly path: string }) => void }> =
    new Set();
  /** As over the kernel's device, unless a test says otherwise. */
  eventsInOrder = false;
  readonly #disconnected: Set<() => void> = new Set();
  /** How many transactions to fail with EAGAIN first. */
  conflicts = 0;

  /** @param transcript lines as `xenstore-ls -f` prints them; the domains that are introduced. */
  constructor(transcript: string, ...introduced: number[]) {
    for (const line of transcript.split('\n')) {
      const [, path, value] = /^\s*(\/\S+) = "(.*)"/.exec(line) ?? [];
      if (path !== undefined && value !== undefined) this.#make(path, value);
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

  async readChildren(path: string, names: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(names.map(name => this.#valueOf(`${path}/${name}`)));
  }

  async #valueOf(path: string): Promise<string | undefined> {
    try {
      return await this.read(path);
    } catch (error) {
      if (error instanceof XenstoreError && error.code === 'ENOENT') return undefined;
      throw error;
    }
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

  async watch(path: string, listener: (event: { readonly path: string }) => void): Promise<{ close(): Promise<void> }> {
    const watch = { path, listener };
    this.#watches.add(watch);
    queueMicrotask(() => listener({ path }));
    return { close: async () => void this.#watches.delete(watch) };
  }

  onDisconnect(listener: () => void): () => void {
    this.#disconnected.add(listener);
    return () => void this.#disconnected.delete(listener);
  }

  /** Watches that have not been closed. */
  get watching(): number {
    return this.#watches.size;
  }

  /** Writes a node, or removes it with all below it, and tells who watches it. */
  set(path: string, value: string | undefined): void {
    if (value === undefined) {
      for (const node of [...this.nodes.keys()]) if (`${node}/`.startsWith(`${path}/`)) this.nodes.delete(node);
    } else this.#make(path, value);
    for (const watch of this.#watches) {
      if (`${path}/`.startsWith(`${watch.path}/`)) watch.listener({ path });
      // Who watches below what was removed is told of the path that it watches.
      else if (value === undefined && watch.path.startsWith(`${path}/`)) watch.listener({ path: watch.path });
    }
  }

  /** Lets a domain come or go in Xen's eyes, and tells who watches for that. */
  introduce(domid: number, isIntroduced: boolean): void {
    if (isIntroduced) this.introduced.add(domid);
    else this.introduced.delete(domid);
    const event = isIntroduced ? '@introduceDomain' : '@releaseDomain';
    for (const watch of this.#watches) if (watch.path === event) watch.listener({ path: event });
  }

  /** Loses the connection and makes it again: watches fire as they are set up anew. */
  reconnect(): void {
    for (const listener of this.#disconnected) listener();
    for (const watch of this.#watches) watch.listener({ path: watch.path });
  }

  async isDomainIntroduced(domid: number): Promise<boolean> {
    return this.introduced.has(domid);
  }

  #make(path: string, value: string): void {
    const missing: string[] = [];
    for (let above = path; above.includes('/', 1); ) {
      above = above.slice(0, above.lastIndexOf('/'));
      if (!this.nodes.has(above)) missing.unshift(above);
    }
    for (const above of missing) this.nodes.set(above, '');
    this.nodes.set(path, value);
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
