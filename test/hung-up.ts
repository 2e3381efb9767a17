import type { Socket } from 'node:net';

/** Waits until a connection is over, by an end or by a reset: Node's `once` would take the reset of a late write as a failure. */
export function hungUp(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()));
}
