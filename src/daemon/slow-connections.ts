import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** One connection: requests that are being answered, and until when the next one is awaited while there is none. */
interface Visitor {
  requests: number;
  timer?: NodeJS.Timeout;
}

/**
 * Hangs up on whoever has not asked in full within `requestMs`, or not again after an answer, however much they send
 * meanwhile. There is one timer for each connection, so a server that nobody asks wakes nobody.
 */
export function endSlow(server: Server, requestMs: number): void {
  const visitors = new WeakMap<Socket, Visitor>();
  const awaitRequest = (socket: Socket, visitor: Visitor): void => {
    if (visitor.requests === 0 && !socket.destroyed) visitor.timer = setTimeout(() => socket.destroy(), requestMs);
  };
  server.on('connection', (socket: Socket) => {
    const visitor: Visitor = { requests: 0 };
    visitors.set(socket, visitor);
    awaitRequest(socket, visitor);
    socket.once('close', () => clearTimeout(visitor.timer));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const visitor = visitors.get(socket);
    if (visitor === undefined) return;
    visitor.requests += 1;
    clearTimeout(visitor.timer);
    response.once('close', () => {
      visitor.requests -= 1;
      awaitRequest(socket, visitor);
    });
  });
}
