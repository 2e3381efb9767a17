import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { ManifestProblem } from '../api/manifest.ts';
import { FILE_BYTES_MAX, READ_ATTEMPTS } from './limits.ts';
import { fileProblem, isNotFound, systemErrorText } from './problem.ts';
import { untilQuiet } from './quiet.ts';
import { distrustProblem, type Trust } from './trust.ts';

/** A file's bytes, read while it stood still. */
export interface StableBytes {
  readonly bytes: Uint8Array;
  /** Another one after every change of the file. */
  readonly stamp: string;
}

/** What tells the present content of the file behind a path from the next one. @throws the system's error. */
export async function stampOf(path: string): Promise<string> {
  return stamp(await stat(path, { bigint: true }));
}

function stamp({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

/**
 * Reads a whole file that nobody is changing meanwhile. Never throws.
 * @returns a problem when it cannot be read, is no regular file, is too large, does not stand still or is not trusted.
 * @param quietMs how long it must have stood still.
 * @param trust whose files count; everybody's when absent.
 */
export async function readStable(path: string, quietMs: number, trust?: Trust): Promise<StableBytes | ManifestProblem> {
  try {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const result = await readOnce(path, quietMs, trust);
      if (result !== undefined) return result;
    }
    return fileProblem(path, 'Unreadable', 'keeps changing while it is read');
  } catch (error) {
    const reason = isNotFound(error) ? 'is not there, or is a link to nothing' : systemErrorText(error);
    return fileProblem(path, 'Unreadable', reason);
  }
}

/** @returns undefined when the file changed or was replaced meanwhile. */
async function readOnce(
  path: string,
  quietMs: number,
  trust: Trust | undefined,
): Promise<StableBytes | ManifestProblem | undefined> {
  // Without O_NONBLOCK the opening of a FIFO would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) return fileProblem(path, 'Unreadable', 'is not a regular file');
    const { uid, gid, mode } = before;
    const owned = { uid: Number(uid), gid: Number(gid), mode: Number(mode) };
    const distrusted = distrustProblem(path, owned, trust);
    if (distrusted !== undefined) return distrusted;
    if (before.size > FILE_BYTES_MAX) return tooLarge(path);
    await untilQuiet(Number(before.ctimeMs), quietMs);
    // One byte more than there should be, so that growth shows.
    const bytes = await readUpTo(file, Number(before.size) + 1);
    const after = await stampOf(path);
    const unchanged = after === stamp(before) && BigInt(bytes.length) === before.size;
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
