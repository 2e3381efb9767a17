import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { XenstoreClient } from '../../xenstore-client/index.ts';

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
    const client = this.#client ?? this.#connect();
    this.#client = client;
    try {
      return await client;
    } catch (error) {
      // Somebody else may have begun the next attempt already.
      if (this.#client === client) this.#client = undefined;
      const { xenstoreSocket, xenbusDevice } = this.#layout;
      const said = messageOf(error);
      // What could not be opened names itself.
      const message = said.startsWith('cannot reach')
        ? said
        : `cannot reach xenstored at ${xenstoreSocket} or ${xenbusDevice}: ${said}`;
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
