import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';

/** Longest path of a unix socket on Linux, in bytes (sun_path holds 108, the last one a NUL). */
export const SOCKET_PATH_MAX = 107;

/** A root folder too long for the sockets in it. */
export class PathTooLongError extends Error {
  override readonly name = 'PathTooLongError';
}

/** Checks a socket's path before anything is made. @throws {PathTooLongError} */
export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= SOCKET_PATH_MAX) return;
  throw new PathTooLongError(
    `a unix socket's path may have ${SOCKET_PATH_MAX} bytes, and ${path} has ${length}: take a shorter root folder`,
  );
}

/** A daemon's unix socket, which can go down and come up again as the daemon does. */
export class SocketServer {
  readonly path: string;
  readonly #serve: (socket: Socket) => void;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  /** @param serve is given each connection; errors of a socket only close it. */
  constructor(path: string, serve: (socket: Socket) => void) {
    checkSocketPath(path);
    this.path = path;
    this.#serve = serve;
  }

  /** Listens; a socket that an earlier run left behind is taken away. @throws what `listen` fails with. */
  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    await mkdir(dirname(this.path), { recursive: true });
    await rm(this.path, { force: true });
    const server = createServer(socket => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.path, resolve);
    });
    this.#server = server;
  }

  /** Stops as a killed daemon does: every connection goes, and so does the socket. */
  async down(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.drop();
    await new Promise<void>(resolve => server.close(() => resolve()));
  }

  /** Breaks every connection; the daemon goes on. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Whoever speaks to us may vanish at any time; 'close' follows.
    socket.on('error', () => socket.destroy());
    this.#serve(socket);
  }
}
