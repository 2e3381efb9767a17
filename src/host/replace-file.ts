import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface ReplaceOptions {
  /** Permissions of the file; a folder that is missing is made for its owner alone. */
  readonly mode: number;
  /** Whether the content must be on the disk, and not only in the kernel's memory, when this returns. */
  readonly durable: boolean;
  /** Whether other processes may replace it at the same moment; what one leaves that dies is then not used again. */
  readonly shared?: boolean;
}

/**
 * Replaces a file's content as a whole: whoever reads it, and whoever finds it after a crash, sees the old or the new
 * content and nothing in between. One writer at a time, unless it is shared.
 *
 * @throws the file system's error; the old content is then still there.
 */
export async function replaceFile(path: string, text: string, options: ReplaceOptions): Promise<void> {
  const { mode, durable, shared = false } = options;
  const folder = dirname(path);
  const temporary = shared ? `${path}.${process.pid}.new` : `${path}.new`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = await open(temporary, 'w', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  if (durable) await syncFolder(folder);
}

// The new name itself lies in the folder, so without this a power cut could bring the old file back.
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
