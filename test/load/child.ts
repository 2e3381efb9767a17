import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

type Answers = Readonly<Record<string, (argument: string) => unknown>>;

interface Question {
  readonly id: number;
  readonly ask: string;
  readonly argument: string;
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** In a child: says that it is ready, answers what its parent asks, and ends as by SIGTERM when the parent has gone or asks no more. */
export function answering(answers: Answers): void {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  const reply = (message: Reply): void => void process.send?.(message);
  process.on('message', ({ id, ask, argument }: Question) => {
    Promise.resolve()
      .then(() => answers[ask]?.(argument))
      .then(
        value => reply({ id, value }),
        (error: unknown) => reply({ id, error: error instanceof Error ? error.message : String(error) }),
      );
  });
  reply({ id: 0 });
}

let lastId = 0;

/**
 * Asks a child.
 * @throws {Error} what it says went wrong, or that it has ended.
 */
export async function ask(child: ChildProcess, what: string, argument = ''): Promise<unknown> {
  lastId += 1;
  const id = lastId;
  const answer = replyTo(child, id);
  child.send({ id, ask: what, argument } satisfies Question);
  return answer;
}

/** Returns when a child is ready to answer. @throws {Error} when it ends instead. */
export async function ready(child: ChildProcess): Promise<void> {
  await replyTo(child, 0);
}

/** Tells a child that nobody will ask any more, and returns when it has ended. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.connected) child.disconnect();
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function replyTo(child: ChildProcess, id: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const hear = (reply: Reply): void => {
      if (reply.id !== id) return;
      end();
      if (reply.error === undefined) resolve(reply.value);
      else reject(new Error(reply.error));
    };
    const gone = (): void => {
      end();
      reject(new Error(`${child.spawnargs[1]} has ended with ${child.exitCode ?? child.signalCode}`));
    };
    const end = (): void => {
      child.off('message', hear);
      child.off('exit', gone);
    };
    child.on('message', hear);
    child.on('exit', gone);
  });
}
