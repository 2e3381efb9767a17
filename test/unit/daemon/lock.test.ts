import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { build } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Dom0Layout, dom0Layout } from '../../../src/api/layout.ts';
import { acquireLock, LockHeldError } from '../../../src/daemon/lock.ts';
import { tempLayout } from './temp-layout.ts';

const SRC = new URL('../../../src/', import.meta.url).pathname;

/** Another process that takes the lock, says so, and then sleeps. */
async function otherHolder(layout: Dom0Layout): Promise<ChildProcess> {
  const program = `
    import { acquireLock } from '${SRC}daemon/lock.ts';
    import { dom0Layout } from '${SRC}api/layout.ts';
    acquireLock(dom0Layout(process.argv[1])).then(() => process.stdout.write('held'));
    setInterval(() => {}, 1000);`;
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: SRC, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const child = spawn(process.execPath, ['-e', outputFiles[0]?.text ?? '', layout.root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said] = (await once(child.stdout as NonNullable<typeof child.stdout>, 'data')) as [Buffer];
  expect(said.toString()).toBe('held');
  return child;
}

/** The locks that are held on this machine now: `@` stands for the zero byte in front of an abstract name. */
function lockNames(): string[] {
  return [...readFileSync('/proc/net/unix', 'utf8').matchAll(/@(xenpci-lock-\w+)/g)].map(match => match[1] ?? '');
}

describe('acquireLock', () => {
  test('a second one is told who has it; after release it is free', async () => {
    const layout = tempLayout();
    const lock = await acquireLock(layout);
    const error = await acquireLock(layout).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(LockHeldError);
    expect(error).toMatchObject({ holder: process.pid });
    await lock.release();
    await (await acquireLock(layout)).release();
  });

  test('of two processes one has it, and kill -9 frees it', async () => {
    const layout = tempLayout();
    const other = await otherHolder(layout);
    await expect(acquireLock(layout)).rejects.toThrow(
      `another xenpci (process ${other.pid}) already controls this host; stop it first`,
    );
    other.kill('SIGKILL');
    await once(other, 'exit');
    await (await acquireLock(layout)).release();
  });

  test('hosts are told apart, and one folder under two names is one host', async () => {
    const layout = tempLayout();
    const lock = await acquireLock(layout);
    await (await acquireLock(tempLayout())).release();
    symlinkSync(layout.root, `${layout.root}/again`);
    await expect(acquireLock(dom0Layout(`${layout.root}/again`))).rejects.toThrow(LockHeldError);
    await lock.release();
  });

  test('a caller that keeps its connection open does not keep the lock from being released', async () => {
    const layout = tempLayout();
    const before = lockNames();
    const lock = await acquireLock(layout);
    const path = lockNames().filter(name => !before.includes(name));
    expect(path.length).toBeGreaterThan(0);
    const sockets = path.map(each => connect({ path: `\0${each}`, allowHalfOpen: true }));
    await Promise.all(sockets.map(socket => once(socket, 'connect')));
    await lock.release();
    await (await acquireLock(layout)).release();
    for (const socket of sockets) socket.destroy();
  });
});
