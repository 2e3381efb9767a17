import type { Dom0Layout } from '../api/layout.ts';
import { HostError } from '../controller/ports.ts';
import { LibvirtClient } from '../node-libvirt/index.ts';
import { XenstoreClient } from '../xenstore-client/index.ts';
import { errorText } from './small-file.ts';
import { SysfsPci } from './sysfs.ts';
import type { XenstoreAccess } from './xenstore-view.ts';
import { Xl } from './xl.ts';

/** How long things may take, in milliseconds. */
export interface HostDeadlines {
  /** One answer of xenstored or libvirtd while looking. libvirtd took 10 s while three guests were booting. */
  readonly readMs: number;
  /** `xl pci-assignable-add` and `-remove`. */
  readonly bindMs: number;
  /** Attaching and detaching: a guest that does not answer made libvirt take 23 s. */
  readonly attachMs: number;
  /** Until xenstore has settled, before a change and after it. */
  readonly settleMs: number;
}

export const DEFAULT_DEADLINES: HostDeadlines = {
  readMs: 30_000,
  bindMs: 60_000,
  attachMs: 60_000,
  settleMs: 10_000,
};

/** The parts of a dom0, connected when first used. */
export interface Dom0 {
  readonly layout: Dom0Layout;
  readonly deadlines: HostDeadlines;
  readonly sysfs: SysfsPci;
  readonly xl: Xl;
  readonly xenstore: { client(): Promise<XenstoreAccess> };
  readonly libvirt: LibvirtAccess;
}

/** The part of LibvirtClient that looks and steps need. */
export type LibvirtAccess = Pick<
  LibvirtClient,
  | 'connected'
  | 'connect'
  | 'onConnectFailure'
  | 'listDomains'
  | 'domainByUuid'
  | 'domainState'
  | 'domainXml'
  | 'defineDomain'
  | 'attachDevice'
  | 'detachDevice'
>;

/** A dom0 with connections of its own, to listen to and to close. */
export interface ConnectedDom0 extends Dom0 {
  readonly xenstore: XenstoreLink;
  readonly libvirt: LibvirtClient;
}

/** Puts the parts together; nothing is opened yet. */
export function openDom0(layout: Dom0Layout, deadlines: HostDeadlines): ConnectedDom0 {
  const { readMs, attachMs } = deadlines;
  return {
    layout,
    deadlines,
    sysfs: new SysfsPci(layout.sysfs),
    xl: new Xl(layout.xl, deadlines),
    xenstore: new XenstoreLink(layout, readMs),
    libvirt: new LibvirtClient({ socketPath: layout.libvirtSocket, deadlineMs: readMs, changeDeadlineMs: attachMs }),
  };
}

/** A xenstore client that is made when it is first needed, so that a host can start before xenstored does. */
export class XenstoreLink {
  readonly #layout: Dom0Layout;
  readonly #deadlineMs: number;
  readonly #listeners: Set<(client: XenstoreClient) => void> = new Set();
  #client: Promise<XenstoreClient> | undefined;
  #closed = false;

  /** @param deadlineMs for connecting and for each answer. */
  constructor(layout: Dom0Layout, deadlineMs: number) {
    this.#layout = layout;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * The client; it reconnects by itself from then on.
   * @throws {HostError} Unreachable when xenstored cannot be reached now; the next call tries again.
   */
  async client(): Promise<XenstoreClient> {
    if (this.#closed) throw new HostError('Unreachable', 'the connection to xenstored has been closed');
    this.#client ??= this.#connect();
    try {
      return await this.#client;
    } catch (error) {
      this.#client = undefined;
      const { xenstoreSocket, xenbusDevice } = this.#layout;
      const message = `cannot reach xenstored at ${xenstoreSocket} or ${xenbusDevice}: ${errorText(error)}`;
      throw new HostError('Unreachable', `${message}; is this a Xen dom0, and is xenstored running?`, { cause: error });
    }
  }

  /** Calls the listener with each client that is made. @returns a function that ends it. */
  onConnect(listener: (client: XenstoreClient) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Lets go of the connection. Final. */
  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }

  async #connect(): Promise<XenstoreClient> {
    const client = await XenstoreClient.connect({
      socketPath: this.#layout.xenstoreSocket,
      devicePath: this.#layout.xenbusDevice,
      deadlineMs: this.#deadlineMs,
    });
    for (const listener of this.#listeners) listener(client);
    return client;
  }
}
