import type { XenstoreClient } from '../xenstore-client/index.ts';
import type { ConnectedDom0 } from './dom0.ts';

/** What shows in xenstore that something may have changed: PCI backends, and domains that come and go. */
const WATCHED = ['/local/domain/0/backend/pci', '@introduceDomain', '@releaseDomain'];

const CONNECTED_AGAIN = { xenstore: 'xenstore connected again', libvirt: 'libvirt connected again' } as const;

/** Which connection was made again, when that is what a hint is about. */
export function isReconnect(about: string): keyof typeof CONNECTED_AGAIN | undefined {
  if (about === CONNECTED_AGAIN.xenstore) return 'xenstore';
  return about === CONNECTED_AGAIN.libvirt ? 'libvirt' : undefined;
}

/** Tells whoever listens that it may be time for another look. */
export class Hints {
  readonly #listeners: Set<(about: string) => void> = new Set();
  readonly #stops: (() => void)[];

  /** Listens to both connections from now on, also to those that are made later. */
  constructor({ xenstore, libvirt }: ConnectedDom0) {
    this.#stops = [
      xenstore.onConnect(client => this.#watch(client)),
      libvirt.onLifecycle(({ domain, event }) => this.#tell(`${domain.name} ${event}`)),
      libvirt.onReconnect(() => this.#tell(CONNECTED_AGAIN.libvirt)),
      libvirt.onDisconnect(() => this.#tell('libvirt connection lost')),
    ];
  }

  /** @returns a function that ends it. */
  add(listener: (about: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells nobody any more. */
  close(): void {
    for (const stop of this.#stops) stop();
    this.#listeners.clear();
  }

  #watch(client: XenstoreClient): void {
    const missing = new Set(WATCHED);
    const watchMissing = (): void => {
      for (const path of missing) {
        missing.delete(path);
        // Without its watch there are fewer hints, not less truth; the next connection is the next chance.
        client.watch(path, event => this.#tell(`xenstore ${event.path}`)).catch(() => missing.add(path));
      }
    };
    watchMissing();
    this.#stops.push(
      client.onReconnect(() => {
        watchMissing();
        this.#tell(CONNECTED_AGAIN.xenstore);
      }),
      client.onDisconnect(() => this.#tell('xenstore connection lost')),
    );
  }

  #tell(about: string): void {
    for (const listener of this.#listeners) listener(about);
  }
}
