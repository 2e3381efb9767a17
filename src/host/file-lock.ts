import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dom0Layout } from '../api/layout.ts';
import { runCommand } from './command.ts';
import { markOf } from './process-mark.ts';
import { isGone } from './small-file.ts';

/** ms that whoever has just taken a lock may need to write down who it is. */
const INTRODUCTION_MS = 1_000;
/** ms after which whoever waits asks again who has the lock: it may have passed on to somebody else. */
const ASK_AGAIN_MS = 2_000;
/** ms of more than that which `flock` may take: a busy dom0 starts programs slowly. */
const GRACE_MS = 30_000;
/** Bytes of what is read of a holder. */
const HOLDER_MAX = 100;
/** What `flock` is told to exit with where the lock is held by others. */
const HELD = 75;

/** A lock that is held. */
export interface FileLock {
  release(): Promise<void>;
}

/** Who has a lock, as far as it told. */
export interface LockHolder {
  readonly pid?: number;
  /** What it has it for, such as `controller`. */
  readonly purpose?: string;
}

export interface FileLockOptions {
  /** Which lock of this host: the name of a file. */
  readonly name: string;
  /** What this process tells those who ask: one lower-case word. */
  readonly purpose: string;
  /** Ends waiting. */
  readonly signal: AbortSignal;
  /** Whether to wait until a holder lets go, rather than to be told who it is. */
  readonly waitsFor: (holder: LockHolder) => boolean;
}

/**
 * Takes a lock of a host: flock(2) on a file in a folder that nobody else can enter, so nobody else can hold it. The kernel
 * gives it back when the process ends, however it ends, so there is no stale lock. Node cannot call flock; the program of
 * that name (util-linux) does it on our open file, whose lock it stays when the program has ended.
 *
 * @returns the lock, or who has it.
 * @throws the reason of `signal`; {CommandError} or Error when it cannot be told whether the lock is held.
 */
export async function takeFileLock(
  layout: Dom0Layout,
  { name, purpose, signal, waitsFor }: FileLockOptions,
): Promise<FileLock | LockHolder> {
  const file = await openLock(layout, name);
  try {
    let waitMs = 0;
    for (;;) {
      if (await flock(file, waitMs, signal)) return await held(file, purpose);
      const holder = await readHolder(file);
      const isIntroducing = holder === undefined && waitMs === 0;
      if (!isIntroducing && !waitsFor(holder ?? {})) {
        await file.close();
        return holder ?? {};
      }
      waitMs = isIntroducing ? INTRODUCTION_MS : ASK_AGAIN_MS;
    }
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether a lock was got. */
export function isLock(result: FileLock | LockHolder): result is FileLock {
  return 'release' in result;
}

/** Who has a lock of a host, without touching it. @returns undefined when nobody has it, or nobody tells. */
export async function fileLockHolder(layout: Dom0Layout, name: string): Promise<LockHolder | undefined> {
  try {
    const file = await open(join(folderOf(layout), name), 'r');
    return await readHolder(file).finally(() => file.close());
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

// Of the time that the host runs: the folder is empty after a boot, and its files are never removed, so that a path is one file.
function folderOf({ runtime }: Dom0Layout): string {
  return join(runtime, 'locks');
}

async function openLock(layout: Dom0Layout, name: string): Promise<FileHandle> {
  await mkdir(folderOf(layout), { recursive: true, mode: 0o700 });
  return await open(join(folderOf(layout), name), 'a+', 0o600);
}

/** @returns whether this process has the lock now. */
async function flock(file: FileHandle, waitMs: number, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const wait = waitMs === 0 ? ['--nonblock'] : ['--wait', String(waitMs / 1_000)];
  const args = [...wait, '--conflict-exit-code', String(HELD), '3'];
  const options = { deadlineMs: waitMs + GRACE_MS, signal, files: [file.fd] };
  const { exitCode, stderr } = await runCommand('flock', args, options).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  if (exitCode === 0 || exitCode === HELD) return exitCode === 0;
  throw new Error(`flock failed with exit code ${exitCode}: ${stderr.trim()}`);
}

async function held(file: FileHandle, purpose: string): Promise<FileLock> {
  const mark = await markOf(process.pid);
  await file.truncate(0);
  await file.write(`${process.pid} ${mark?.startTicks} ${purpose}\n`);
  return {
    release: () => file.truncate(0).finally(() => file.close()),
  };
}

/** @returns undefined when it has not told yet, or has ended since. */
async function readHolder(file: FileHandle): Promise<LockHolder | undefined> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(HOLDER_MAX), 0, HOLDER_MAX, 0);
  const said = /^(\d{1,10}) (\d{1,20}) ([a-z]{1,20})\n/.exec(buffer.toString('latin1', 0, bytesRead));
  const [, pid = '', startTicks, purpose = ''] = said ?? [];
  if (said === null || (await markOf(Number(pid)))?.startTicks !== startTicks) return undefined;
  return { pid: Number(pid), purpose };
}
