import type { Socket } from 'node:net';
import type { Faults } from '../faults.ts';
import type { Model } from '../model/model.ts';
import { SocketServer } from '../socket-server.ts';
import { start } from './changes.ts';
import { Connection } from './connection.ts';
import type { Daemon } from './daemon.ts';
import { refOf } from './domains.ts';
import { Hooks } from './hooks.ts';
import { Jobs } from './jobs.ts';

/** Milliseconds between pings; libvirtd's default (libvirtd.conf, keepalive_interval). */
const PING_INTERVAL_MS = 5000;

/** A simulated libvirtd: the model's Xen driver on a unix socket. */
export class Libvirtd extends SocketServer {
  readonly #model: Model;
  readonly #jobs: Jobs;
  readonly #connections: Set<Connection>;
  readonly #endListening: () => void;
  readonly #pings: NodeJS.Timeout;

  readonly #daemon: Daemon;

  /**
   * @param hooks the folder of its hooks.
   * @param latencyMs how long each change takes at least.
   */
  constructor(path: string, hooks: string, model: Model, faults: Faults, latencyMs: number) {
    const jobs = new Jobs(faults, latencyMs);
    const connections = new Set<Connection>();
    const daemon: Daemon = { model, faults, jobs, hooks: new Hooks(hooks) };
    super(path, socket => serve(socket, daemon, connections));
    this.#daemon = daemon;
    this.#model = model;
    this.#jobs = jobs;
    this.#connections = connections;
    this.#endListening = model.libvirt.onLifecycle(notice => {
      for (const connection of this.#connections) connection.notify(notice);
    });
    this.#pings = setInterval(() => {
      for (const connection of this.#connections) connection.ping();
    }, PING_INTERVAL_MS).unref();
  }

  override async up(): Promise<void> {
    this.#daemon.hooks.look();
    await super.up();
  }

  /** Starts a defined domain as a client's call does. @throws {LibvirtRefusal} and it stays off. */
  async start(name: string): Promise<void> {
    await start(this.#daemon, refOf(this.#model.domain(name)), false);
  }

  /** The daemon is killed: what it has not begun is never done. */
  override async down(): Promise<void> {
    this.#jobs.kill();
    await super.down();
  }

  /** As `systemctl restart libvirtd`: its belief is rebuilt from the live definitions. */
  async restart(): Promise<void> {
    await this.down();
    this.#model.libvirt.restart();
    await this.up();
  }

  /** Down for good. */
  async close(): Promise<void> {
    clearInterval(this.#pings);
    this.#endListening();
    await this.down();
  }
}

function serve(socket: Socket, daemon: Daemon, connections: Set<Connection>): void {
  const connection = new Connection(socket, daemon);
  connections.add(connection);
  socket.once('close', () => connections.delete(connection));
}
