import { open } from 'node:fs/promises';

/**
 * Reads a text file of at most `maxBytes` bytes.
 * @returns its text, or undefined when there is no such file.
 * @throws {Error} when it is longer, or the file system's error.
 */
export async function readBounded(path: string, maxBytes: number): Promise<string | undefined> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new Error(`it is ${size} bytes long, and at most ${maxBytes} are read`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
