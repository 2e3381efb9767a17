import { connect, type Socket } from 'node:net';
import type { OpenTransport, Transport, TransportEvents } from './transport.ts';
import { MAX_PAYLOAD_BYTES } from './wire.ts';

/** Opens xenstored's unix socket. The error of a failed attempt names the path: `connect ENOENT /run/…`. */
export function openSocket(path: string): OpenTransport {
  return (events, signal) =>
    new Promise<Transport>((resolve, reject) => {
      signal.throwIfAborted();
      const socket = connect(path);
      const abort = (): void => void socket.destroy();
      const refused = (): void => reject(signal.aborted ? signal.reason : failure);
      let failure = new Error(`connect ${path}: closed at once`);
      socket.on('error', error => {
        failure = error;
      });
      socket.once('close', refused);
      signal.addEventListener('abort', abort, { once: true });
      socket.once('connect', () => {
        socket.off('close', refused);
        signal.removeEventListener('abort', abort);
        resolve(attach(socket, events));
      });
      socket.once('close', () => signal.removeEventListener('abort', abort));
    });
}

function attach(socket: Socket, events: TransportEvents): Transport {
  let cause = new Error('xenstored closed the connection');
  socket.on('data', chunk => events.data(chunk));
  socket.on('error', error => {
    cause = error;
  });
  socket.once('close', () => events.closed(cause));
  return {
    maxPayload: MAX_PAYLOAD_BYTES,
    inOrder: true,
    pipelined: true,
    send: inOnePiece(frames => void socket.write(frames)),
    close: () => void socket.destroy(),
  };
}

/** What is sent from here on is written in one piece when whoever sends now is done: a look asks for thousands of nodes. */
function inOnePiece(write: (frames: Buffer) => void): (frame: Buffer) => void {
  let frames: Buffer[] = [];
  const flush = (): void => {
    const [first, ...more] = frames;
    frames = [];
    if (first !== undefined) write(more.length === 0 ? first : Buffer.concat([first, ...more]));
  };
  return frame => {
    if (frames.push(frame) === 1) process.nextTick(flush);
  };
}
