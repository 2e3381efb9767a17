import { closeSync, openSync, read, readSync } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { messageOf } from '../controller/message-of.ts';
import { HostError } from '../controller/ports.ts';

/** Most files are no longer, and a longer one takes more room as it is read. */
const FIRST_BYTES = 4096;
/** A device that is unplugged while it is read answers ENODEV or ENXIO instead of ENOENT. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO']);

/** Whether an error of the file system says that the thing is not, or no longer, there. */
export function isGone(error: unknown): boolean {
  return GONE.has(errorCode(error) ?? '');
}

/** The errno name of a Node error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Reads a text file of at most `maxBytes` bytes; sizes of files in sysfs and procfs mean nothing, so it is read to see.
 * @returns its text, or undefined when it is not there.
 * @throws {HostError} Unreachable when it is longer or cannot be read.
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      return await readWhole(file, path, maxBytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof HostError) throw error;
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** The names in a folder that end so; none where there is no folder. @throws {HostError} Unreachable when it cannot be read. */
export async function namesIn(folder: string, ending: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter(name => name.endsWith(ending));
  } catch (error) {
    if (isGone(error)) return [];
    throw new HostError('Unreachable', `cannot list ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

async function readWhole(file: FileHandle, path: string, maxBytes: number): Promise<string> {
  let buffer = Buffer.allocUnsafe(Math.min(maxBytes + 1, FIRST_BYTES));
  let length = 0;
  while (length <= maxBytes) {
    if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(maxBytes + 1, 2 * buffer.length));
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.toString('utf8', 0, length);
    length += bytesRead;
  }
  throw new HostError('Unreachable', `${path} is longer than ${maxBytes} bytes`);
}

/** One page, which is all that an attribute of sysfs has, and one byte to see that there is no more. */
const attribute = Buffer.alloc(FIRST_BYTES + 1);

/**
 * Reads an attribute of sysfs at once, which takes a tenth of the processor's time. Only for what the kernel answers from its
 * memory: what asks a device itself may take as long as the device likes.
 * @returns its text, or undefined when it is not there.
 * @throws {HostError} Unreachable when it is longer than a page or cannot be read.
 */
export function readAttribute(path: string): string | undefined {
  return readAtOnce(path, file => {
    const length = readSync(file, attribute, 0, attribute.length, 0);
    if (length === attribute.length) throw new HostError('Unreachable', `${path} is longer than ${FIRST_BYTES} bytes`);
    return attribute.toString('utf8', 0, length);
  });
}

/**
 * Reads a table of procfs at once, on the same terms: no thread is woken for it.
 * @returns its text, or undefined when it is not there.
 * @throws {HostError} Unreachable when it is longer than `maxBytes` or cannot be read.
 */
export function readTable(path: string, maxBytes: number): string | undefined {
  return readAtOnce(path, file => {
    const parts: Buffer[] = [];
    for (let length = 0; length <= maxBytes; ) {
      const count = readSync(file, attribute, 0, attribute.length, null);
      if (count === 0) return Buffer.concat(parts).toString('utf8');
      parts.push(Buffer.from(attribute.subarray(0, count)));
      length += count;
    }
    throw new HostError('Unreachable', `${path} is longer than ${maxBytes} bytes`);
  });
}

function readAtOnce(path: string, read: (file: number) => string): string | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      return read(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof HostError) throw error;
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

const readLater = promisify(read);

/**
 * Reads the first bytes of files, and no more: every byte of a device's config space costs a cycle on its bus. Opening and
 * closing is the kernel's affair alone, and waits for nobody. All are opened before the first is read: threads that find
 * one read after the other do not have to be woken for each.
 * @returns fewer where a file is shorter; undefined where it is not there.
 * @throws {HostError} Unreachable when one cannot be read.
 */
export function readFirstBytes(paths: readonly string[], count: number): Promise<(Buffer | undefined)[]> {
  const opened = paths.map(path => openToRead(path, count));
  return Promise.all(opened.map(readNow => readNow()));
}

/** @returns what reads the file and closes it. */
function openToRead(path: string, count: number): () => Promise<Buffer | undefined> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return async () => absent(path, error);
  }
  return async () => {
    try {
      const { buffer, bytesRead } = await readLater(file, Buffer.alloc(count), 0, count, 0);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      return absent(path, error);
    } finally {
      closeSync(file);
    }
  };
}

/** @throws {HostError} unless the error says that the file is not there. */
function absent(path: string, error: unknown): undefined {
  if (isGone(error)) return undefined;
  throw new HostError('Unreachable', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
}
