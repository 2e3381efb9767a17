import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../../src/host/command.ts';
import { tempTree, writeTree } from './temp-tree.ts';

const NODE = process.execPath;
const LONG = 30_000;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that init has not collected yet is dead all the same.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a command', () => {
  test('arguments reach the program untouched by any shell', async () => {
    const args = ['a b', '$HOME', '`id`', "'", ';', '*', ''];
    const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    const { stdout, exitCode } = await runCommand(NODE, ['-e', script, '--', ...args], { deadlineMs: LONG });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(args);
  });

  test('an exit code is an answer', async () => {
    const result = await runCommand('sh', ['-c', 'echo out; echo err >&2; exit 7'], { deadlineMs: LONG });
    expect(result).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n', cut: false });
  });

  test('output is bounded and drained', async () => {
    const script = 'head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 3';
    const result = await runCommand('sh', ['-c', script], { deadlineMs: LONG, outputMax: 1000 });
    expect(result).toMatchObject({ exitCode: 3, cut: true });
    expect([result.stdout.length, result.stderr.length]).toEqual([1000, 1000]);
  });

  test('a program that is not there, or cannot be run', async () => {
    const root = tempTree({ plain: 'no program' });
    const missing = runCommand(join(root, 'xl'), [], { deadlineMs: LONG });
    await expect(missing).rejects.toMatchObject({ reason: 'NotFound' });
    const plain = runCommand(join(root, 'plain'), [], { deadlineMs: LONG });
    await expect(plain).rejects.toMatchObject({ reason: 'NotStarted' });
  });

  test('an argument that no program can have is no crash', async () => {
    await expect(runCommand('sh', ['a\0b'], { deadlineMs: LONG })).rejects.toMatchObject({ reason: 'NotStarted' });
  });

  test('the deadline ends it and all that it started, with what it had said', async () => {
    const root = tempTree();
    // The child ignores SIGTERM, and only SIGKILL to the group reaches it.
    writeTree(root, 'run', `#!/bin/sh\n(trap '' TERM; while :; do sleep 1; done) &\necho $!\necho begun >&2\nwait\n`);
    chmodSync(join(root, 'run'), 0o755);
    const ended = runCommand(join(root, 'run'), [], { deadlineMs: 500, graceMs: 100 });
    const error = await ended.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ reason: 'DeadlineExceeded', output: { stderr: 'begun\n' } });
    const { stdout } = (error as { output: { stdout: string } }).output;
    await expect.poll(() => isAlive(Number(stdout))).toBe(false);
  });

  test('who has left the group and holds the pipes does not hold us', async () => {
    const script = 'setsid sleep 20 & echo $!; wait';
    const ended = runCommand('sh', ['-c', script], { deadlineMs: 300, graceMs: 100 });
    await expect(ended).rejects.toMatchObject({ reason: 'DeadlineExceeded' });
    const { output } = (await ended.catch((error: unknown) => error)) as { output: { stdout: string } };
    process.kill(Number(output.stdout), 'SIGKILL');
  });

  test('a signal calls it off, before and while it runs', async () => {
    const root = tempTree();
    const before = runCommand('touch', [join(root, 'done')], { deadlineMs: LONG, signal: AbortSignal.abort() });
    await expect(before).rejects.toMatchObject({ reason: 'Aborted' });
    expect(existsSync(join(root, 'done'))).toBe(false);
    const during = runCommand('sleep', ['60'], { deadlineMs: LONG, signal: AbortSignal.timeout(100) });
    await expect(during).rejects.toMatchObject({ reason: 'Aborted' });
  });

  test('death by somebody else is told', async () => {
    const killed = runCommand('sh', ['-c', 'kill -9 $$'], { deadlineMs: LONG });
    await expect(killed).rejects.toMatchObject({ reason: 'Killed' });
  });
});
