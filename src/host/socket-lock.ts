import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Dom0Layout } from '../api/layout.ts';

const ANSWER_DEADLINE_MS = 1_000;
const ANSWER_CHARACTERS_MAX = 40;
/** Processes that wait for one lock at the same time. */
const WAITERS_MAX = 256;

/** A lock that is held. */
export interface SocketLock {
  release(): Promise<void>;
}

/** Who has a lock, as far as it told. */
export interface LockHolder {
  readonly pid?: number;
  /** What it has it for, such as `controller`. */
  readonly purpose?: string;
}

export interface SocketLockOptions {
  /** Which lock of this host. */
  readonly name: string;
  /** What this process tells those who ask: one lower-case word. */
  readonly purpose: string;
  /** Ends waiting. */
  readonly signal: AbortSignal;
  /** Whether to wait until a holder lets go, rather than to be told who it is. */
  readonly waitsFor: (holder: LockHolder) => boolean;
}

/**
 * Takes a lock of a host: a listening socket in Linux's abstract namespace (unix(7)) whose name stands for the state
 * folder. The kernel gives it back when the process ends, however it ends, so there is no stale lock. It holds within one
 * network namespace, which dom0 is. Whoever waits holds a connection, whose end is the sign to try again.
 *
 * @returns the lock, or who has it.
 * @throws the reason of `signal`.
 */
export async function takeSocketLock(
  layout: Dom0Layout,
  { name, purpose, signal, waitsFor }: SocketLockOptions,
): Promise<SocketLock | LockHolder> {
  await mkdir(layout.state, { recursive: true, mode: 0o700 });
  const path = await socketName(layout, name);
  for (;;) {
    signal.throwIfAborted();
    const lock = await tryLock(path, purpose);
    if (lock !== undefined) return lock;
    const asked = await askHolder(path);
    if (asked === undefined) continue;
    const { holder, socket } = asked;
    try {
      if (!waitsFor(holder)) return holder;
      await untilClosed(socket, signal);
    } finally {
      socket.destroy();
    }
  }
}

/** Whether a lock was got. */
export function isLock(result: SocketLock | LockHolder): result is SocketLock {
  return 'release' in result;
}

// A hash, because a name has room for 107 bytes and a path may be longer.
async function socketName(layout: Dom0Layout, name: string): Promise<string> {
  const folder = await realpath(layout.state);
  return `\0xenpci-${name}-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
}

async function tryLock(path: string, purpose: string): Promise<SocketLock | undefined> {
  const waiters = new Set<Socket>();
  const server = createServer(socket => {
    waiters.add(socket);
    // Whoever waits must not keep this process alive, and sends nothing.
    socket.unref().resume();
    socket.on('error', () => socket.destroy()).on('close', () => waiters.delete(socket));
    socket.write(`${process.pid} ${purpose}\n`);
  });
  server.maxConnections = WAITERS_MAX;
  if (!(await listens(server, path))) return undefined;
  // Whoever holds the lock decides when the process ends, not the lock.
  server.unref();
  return {
    release: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of waiters) socket.destroy();
      }),
  };
}

function listens(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen({ path }, () => resolve(true));
  });
}

/** Asks who has it. @returns undefined when nobody has it any more; the connection stays open until the holder lets go. */
function askHolder(path: string): Promise<{ readonly holder: LockHolder; readonly socket: Socket } | undefined> {
  return new Promise(resolve => {
    const socket = connect({ path });
    let answer = '';
    const tell = (): void => {
      clearTimeout(deadline);
      const [, pid, purpose] = /^(\d{1,10})(?: ([a-z]{1,20}))?\n/.exec(answer) ?? [];
      resolve({
        holder: {
          ...(pid === undefined ? {} : { pid: Number(pid) }),
          ...(purpose === undefined ? {} : { purpose }),
        },
        socket,
      });
    };
    const deadline = setTimeout(tell, ANSWER_DEADLINE_MS);
    socket.setEncoding('ascii').on('data', (text: string) => {
      answer = (answer + text).slice(0, ANSWER_CHARACTERS_MAX);
      if (answer.includes('\n') || answer.length === ANSWER_CHARACTERS_MAX) tell();
    });
    socket
      .once('error', () => undefined)
      .once('close', () => {
        clearTimeout(deadline);
        resolve(undefined);
      });
  });
}

function untilClosed(socket: Socket, signal: AbortSignal): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
