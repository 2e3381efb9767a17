import type { Socket } from 'node:net';
import type { Faults } from '../faults.ts';
import type { Model } from '../model/model.ts';
import { SocketServer } from '../socket-server.ts';
import { Connection } from './connection.ts';

/** A simulated xenstored: the model's store on a unix socket. */
export class Xenstored extends SocketServer {
  readonly #connections = new Set<Connection>();
  readonly #endListening: () => void;

  constructor(path: string, model: Model, faults: Faults) {
    super(path, socket => this.#serve(socket, model, faults));
    this.#endListening = model.dom0.store.onChange((changed, removed) => {
      for (const connection of this.#connections) connection.fire(changed, removed);
    });
  }

  /** Down for good. */
  async close(): Promise<void> {
    this.#endListening();
    await this.down();
  }

  #serve(socket: Socket, model: Model, faults: Faults): void {
    const connection = new Connection(socket, model.dom0, faults);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }
}
