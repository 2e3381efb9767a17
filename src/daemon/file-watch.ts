import { watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { messageOf } from '../controller/message-of.ts';

/**
 * Calls `hint` whenever a file of the state folder, or of the one at run time, may have changed; the folder is made if it is missing.
 * @param onError told when it cannot be watched: then it is read at the next look all the same.
 * @param begun called when the watching has begun.
 * @returns a function that ends it.
 */
export function watchStateFile(
  path: string,
  hint: () => void,
  onError: (message: string) => void,
  begun: () => void = () => undefined,
): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const folder = dirname(path);
  const failed = (cause: unknown): void => onError(`${folder} cannot be watched: ${messageOf(cause)}`);
  const begin = async (): Promise<void> => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (signal.aborted) return;
    const watcher = watch(folder, { signal }, (_, name) => {
      if (name === basename(path)) hint();
    });
    watcher.on('error', failed);
    begun();
  };
  void begin().catch((cause: unknown) => {
    if (!signal.aborted) failed(cause);
  });
  return () => ending.abort();
}
