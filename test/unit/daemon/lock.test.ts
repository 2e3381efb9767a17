import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Dom0Layout, dom0Layout } from '../../../src/api/layout.ts';
import { acquireForStart, acquireLock, LockHeldError, runningController } from '../../../src/daemon/lock.ts';
import { isLock, takeFileLock } from '../../../src/host/file-lock.ts';
import { tempLayout } from './temp-layout.ts';

const SRC = new URL('../../../src/', import.meta.url).pathname;

/** Another process that takes the lock, says so, and then sleeps. */
async function otherHolder(layout: Dom0Layout): Promise<ChildProcess> {
  const program = `
    import { acquireLock } from '${SRC}daemon/lock.ts';
    import { dom0Layout } from '${SRC}api/layout.ts';
    acquireLock(dom0Layout(process.argv[2])).then(() => process.stdout.write('held'));
    setInterval(() => {}, 1000);`;
  const outfile = join(layout.root, 'holder.cjs');
  await build({
    stdin: { contents: program, resolveDir: SRC, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
  });
  const child = spawn(process.execPath, [outfile, layout.root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said] = (await once(child.stdout as NonNullable<typeof child.stdout>, 'data')) as [Buffer];
  expect(said.toString()).toBe('held');
  return child;
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

  test('nobody but its owner can hold it, or keep it from being taken', async () => {
    const layout = tempLayout();
    await (await acquireLock(layout)).release();
    expect(statSync(`${layout.runtime}/locks`).mode & 0o777).toBe(0o700);
    expect(statSync(`${layout.runtime}/locks/lock`).mode & 0o777).toBe(0o600);
  });

  test('a controller waits for a hook, and is told of a controller that was faster', async () => {
    const layout = tempLayout();
    const hook = await acquireForStart(layout, new AbortController().signal);
    const waiting = [acquireLock(layout), acquireLock(layout)];
    await hook?.release();
    const results = await Promise.allSettled(waiting);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = results.find(result => result.status === 'rejected');
    expect(lost?.reason).toMatchObject({ name: 'LockHeldError', holder: process.pid });
  });

  test('waiting ends when its signal says so, and takes nothing', async () => {
    const layout = tempLayout();
    const options = { name: 'suspensions', purpose: 'suspend', waitsFor: () => true };
    const lock = await takeFileLock(layout, { ...options, signal: new AbortController().signal });
    const { signal, abort } = aborting();
    const waiting = takeFileLock(layout, { ...options, signal });
    abort();
    await expect(waiting).rejects.toThrow('called off');
    if (!isLock(lock)) throw new Error('not taken');
    await lock.release();
    const again = await takeFileLock(layout, { ...options, signal: new AbortController().signal });
    expect(isLock(again)).toBe(true);
  });

  test('of many that want it one has it at a time', async () => {
    const layout = tempLayout();
    const options = { name: 'step', purpose: 'step', signal: new AbortController().signal, waitsFor: () => true };
    let inside = 0;
    const most: number[] = [];
    const one = async (): Promise<void> => {
      const lock = await takeFileLock(layout, options);
      if (!isLock(lock)) throw new Error('not taken');
      inside += 1;
      most.push(inside);
      await new Promise(resolve => setImmediate(resolve));
      inside -= 1;
      await lock.release();
    };
    await Promise.all(Array.from({ length: 6 }, one));
    expect(most).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe('runningController', () => {
  test('names who has the lock, and nobody once that has ended', async () => {
    const layout = tempLayout();
    expect(await runningController(layout)).toBeUndefined();
    const other = await otherHolder(layout);
    expect(await runningController(layout)).toBe(other.pid);
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(await runningController(layout)).toBeUndefined();
    const hook = await acquireForStart(layout, new AbortController().signal);
    expect(await runningController(layout)).toBeUndefined();
    await hook?.release();
  });
});

function aborting(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error('called off')) };
}
