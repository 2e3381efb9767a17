import { chmod, chown, mkdir, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import type { Dom0Layout } from '../../api/layout.ts';

/** Whose members may look, where there is such a group. */
export const GROUP = 'xenpci';

/** Where the API is: beside the status of the running controller. */
export function socketPath(layout: Dom0Layout): string {
  return join(layout.runtime, 'api.sock');
}

/**
 * Lets a server listen on the host's socket: for root, and for the members of the group `xenpci` where there is one. What
 * an earlier controller left there is removed, so whoever calls this holds the host's lock.
 *
 * @throws the file system's error, or that of listen(2), such as for a path that is too long.
 */
export async function listenOnSocket(server: Server, layout: Dom0Layout): Promise<void> {
  const path = socketPath(layout);
  const group = await groupId(layout);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await listening(server, path);
  if (group === undefined) return chmod(path, 0o600);
  await chown(path, 0, group);
  await chmod(path, 0o660);
  // Only now may the group come near it.
  await chown(dirname(path), 0, group);
  await chmod(dirname(path), 0o750);
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** The number of the group in the host's own /etc/group; undefined where there is none, or it cannot be read. */
async function groupId({ root }: Dom0Layout): Promise<number | undefined> {
  const text = await readFile(join(root, 'etc/group'), 'utf8').catch(() => '');
  const number = new RegExp(`^${GROUP}:[^:]*:(\\d{1,9}):`, 'm').exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** The codes of connect(2) where no controller serves the API. */
const NOBODY: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'EINVAL', 'ENAMETOOLONG']);

/** Whether an error of connecting says that no controller serves the API. */
export function isNobody(cause: unknown): boolean {
  return NOBODY.has((cause as NodeJS.ErrnoException).code);
}
