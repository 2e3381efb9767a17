import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { ManifestProblem } from '../api/manifest.ts';
import { FILE_BYTES_MAX, READ_ATTEMPTS } from './limits.ts';
import { fileProblem, isNotFound, systemErrorText } from './problem.ts';

/** As much of `stat` as tells one content of a file from the next. */
export interface FileStamp {
  readonly key: string;
  /** Whether a write right after this look could have left no trace in the key, for the clock of file times is coarse. */
  readonly fresh: boolean;
}

/** A file's bytes, read while it stood still. */
export interface StableBytes {
  readonly bytes: Uint8Array;
  readonly stamp: FileStamp;
}

/** The present stamp of the file behind a path. @throws the system's error. */
export async function stampOf(path: string): Promise<FileStamp> {
  return stamp(await stat(path, { bigint: true }));
}

/**
 * Reads a whole file that nobody is changing meanwhile. Never throws.
 * @returns a problem when it cannot be read, is no regular file, is too large or does not stand still.
 */
export async function readStable(path: string): Promise<StableBytes | ManifestProblem> {
  try {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const result = await readOnce(path);
      if (result !== undefined) return result;
    }
    return fileProblem(path, 'Unreadable', 'keeps changing while it is read');
  } catch (error) {
    const reason = isNotFound(error) ? 'is not there, or is a link to nothing' : systemErrorText(error);
    return fileProblem(path, 'Unreadable', reason);
  }
}

/** @returns undefined when the file changed or was replaced meanwhile. */
async function readOnce(path: string): Promise<StableBytes | ManifestProblem | undefined> {
  // Without O_NONBLOCK the opening of a FIFO would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) return fileProblem(path, 'Unreadable', 'is not a regular file');
    if (before.size > FILE_BYTES_MAX) return tooLarge(path);
    // One byte more than there should be, so that growth shows.
    const bytes = await readUpTo(file, Number(before.size) + 1);
    const after = await stampOf(path);
    const unchanged = after.key === stamp(before).key && BigInt(bytes.length) === before.size;
    return unchanged ? { bytes, stamp: after } : undefined;
  } finally {
    await file.close();
  }
}

async function readUpTo(file: FileHandle, limit: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(limit);
  let length = 0;
  while (length < limit) {
    const { bytesRead } = await file.read(buffer, length, limit - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

function tooLarge(path: string): ManifestProblem {
  return fileProblem(path, 'TooLarge', `is larger than ${FILE_BYTES_MAX} bytes; split it into several files`);
}

/** The kernel's file times move in ticks of up to 10 ms; some file systems', of up to 2 s, are not worth this. */
const TICK_MS = 100n;

function stamp(stats: {
  dev: bigint;
  ino: bigint;
  size: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  ctimeMs: bigint;
}): FileStamp {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  const fresh = BigInt(Date.now()) - stats.ctimeMs < TICK_MS;
  return { key: [dev, ino, size, mtimeNs, ctimeNs].join(':'), fresh };
}
