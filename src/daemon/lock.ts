import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import type { Dom0Layout } from '../api/layout.ts';

const ANSWER_DEADLINE_MS = 1_000;
const ANSWER_CHARACTERS_MAX = 20;

/** Another controller works on this host. */
export class LockHeldError extends Error {
  override readonly name: string = 'LockHeldError';
  /** The other's process id, when it told. */
  readonly holder: number | undefined;

  constructor(holder: number | undefined) {
    super(
      `another xenpci ${holder === undefined ? '' : `(process ${holder}) `}already controls this host; stop it first`,
    );
    this.holder = holder;
  }
}

/** The right to change a host. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes the right to be the only controller of a host: a listening socket in Linux's abstract namespace (unix(7)) whose
 * name stands for the state folder. The kernel gives it back when the process ends, however it ends, so there is no stale
 * lock. It holds within one network namespace, which dom0 is.
 *
 * @throws {LockHeldError} when another process has it.
 */
export async function acquireLock(layout: Dom0Layout): Promise<Lock> {
  await mkdir(layout.state, { recursive: true, mode: 0o700 });
  const name = await socketName(layout);
  const server = createServer(socket => {
    socket.on('error', () => socket.destroy());
    socket.end(`${process.pid}\n`, () => socket.destroy());
  });
  if (!(await listens(server, name))) throw new LockHeldError(await askHolder(name));
  // Whoever holds the lock decides when the process ends, not the lock.
  server.unref();
  return {
    release: () => new Promise(resolve => server.close(() => resolve())),
  };
}

// A hash, because a name has room for 107 bytes and a path may be longer.
async function socketName(layout: Dom0Layout): Promise<string> {
  const folder = await realpath(layout.state);
  return `\0xenpci-lock-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
}

function listens(server: Server, name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen({ path: name }, () => resolve(true));
  });
}

/** The process id that the holder tells; undefined when it does not answer in time or not with a number. */
function askHolder(name: string): Promise<number | undefined> {
  return new Promise(resolve => {
    const socket = connect({ path: name });
    let answer = '';
    const finish = (): void => {
      socket.destroy();
      resolve(/^\d+\n$/.test(answer) ? Number.parseInt(answer, 10) : undefined);
    };
    socket.setEncoding('ascii').setTimeout(ANSWER_DEADLINE_MS, finish);
    socket.on('data', (text: string) => {
      answer += text.slice(0, ANSWER_CHARACTERS_MAX);
      if (answer.length >= ANSWER_CHARACTERS_MAX) finish();
    });
    socket.on('error', finish).on('close', finish);
  });
}
