import { stat } from 'node:fs/promises';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { isGone } from '../small-file.ts';

/** Who may change a file or folder; symbolic links are followed. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** The permission bits. */
  readonly mode: number;
  readonly isFolder: boolean;
}

/**
 * Who may change a file or folder.
 * @returns undefined when it is not there.
 * @throws {HostError} Unreachable when it cannot be told.
 */
export async function ownershipOf(path: string): Promise<Ownership | undefined> {
  try {
    const found = await stat(path);
    return { uid: found.uid, gid: found.gid, mode: found.mode & 0o7777, isFolder: found.isDirectory() };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot look at ${path}: ${messageOf(error)}`, { cause: error });
  }
}
