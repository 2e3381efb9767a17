import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { isGone, readSmallFile } from '../small-file.ts';

/** A file that libvirt may call before it starts a Xen domain, and that calls us. */
export interface HookFile {
  readonly path: string;
  /** libvirt passes over what cannot be executed. */
  readonly executable: boolean;
}

/** Bytes of a hook that is read; one that is longer is not ours. */
const HOOK_MAX = 65_536;

/**
 * The installed hooks of libvirt's Xen driver that call us: `hooks/libxl` and the files in `hooks/libxl.d`
 * (libvirt.org/hooks.html).
 * @throws {HostError} Unreachable when the folder is there and cannot be read.
 */
export async function findHooks({ root }: Dom0Layout): Promise<HookFile[]> {
  const hooks = join(root, 'etc/libvirt/hooks');
  const paths = [join(hooks, 'libxl'), ...(await namesIn(join(hooks, 'libxl.d')))];
  const found = await Promise.all(paths.map(hookAt));
  return found.filter(file => file !== undefined);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort().map(name => join(folder, name));
  } catch (error) {
    if (isGone(error)) return [];
    throw new HostError('Unreachable', `cannot list ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

async function hookAt(path: string): Promise<HookFile | undefined> {
  const file = await stat(path).catch(() => undefined);
  if (file?.isFile() !== true || file.size > HOOK_MAX) return undefined;
  const text = await readSmallFile(path, HOOK_MAX);
  return text?.includes('xenpci') === true ? { path, executable: (file.mode & 0o111) !== 0 } : undefined;
}
