import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, parse, resolve } from 'node:path';
import type { ManifestProblem } from '../api/manifest.ts';
import { fileProblem } from './problem.ts';

/** Whose files are followed. Root's always are. */
export interface Trust {
  readonly users: ReadonlySet<number>;
}

/** What tells who may change a file or folder. */
export interface Owned {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

const ROOT = 0;
const STICKY = 0o1000;
/** As many links on one way as the kernel follows (path_resolution(7)). */
const LINKS_MAX = 40;

/**
 * Whether others than the trusted users may change a file or folder: the rule that sudo and sshd have for theirs. It
 * must be root's or a trusted user's, and writable by nobody else. Its group may write where that is root's own, or its
 * owner's private one, which has the same number (Debian makes one for each user, and a umask of 002 with it).
 * @returns what is wrong, and the command that mends it; undefined when it is as it should be.
 */
export function distrust(path: string, { uid, gid, mode }: Owned, { users }: Trust): string | undefined {
  if (uid !== ROOT && !users.has(uid)) {
    return `is not followed, because it belongs to user ${uid}: chown root ${quoted(path)}`;
  }
  const shown = (mode & 0o7777).toString(8).padStart(4, '0');
  if ((mode & 0o002) !== 0) {
    return `is not followed, because everybody may change it (mode ${shown}): chmod go-w ${quoted(path)}`;
  }
  if ((mode & 0o020) !== 0 && gid !== ROOT && gid !== uid) {
    return `is not followed, because group ${gid} may change it (mode ${shown}): chmod g-w ${quoted(path)}`;
  }
  return undefined;
}

/** The same as a problem of the file or folder. */
export function distrustProblem(path: string, owned: Owned, trust: Trust | undefined): ManifestProblem | undefined {
  const reason = trust && distrust(path, owned, trust);
  return reason === undefined ? undefined : fileProblem(path, 'NotTrusted', reason);
}

/**
 * Looks at all folders and links on the way to a folder: whoever may change one of them can put another folder there.
 * The folder itself is left out. In a folder with the sticky bit, such as /tmp, nobody can replace what is another's.
 * @returns a problem of the folder, which names what is to be mended.
 * @throws the system's error.
 */
export async function wayProblem(folder: string, trust: Trust): Promise<ManifestProblem | undefined> {
  let links = 0;
  let { root: at } = parse(folder);
  const names = resolve(folder).split('/').filter(Boolean);
  while (names.length > 0) {
    const reason = await placeDistrust(at, trust);
    if (reason !== undefined) return fileProblem(folder, 'NotTrusted', reason);
    const next = join(at, names.shift() ?? '');
    const found = await lstat(next);
    if (!found.isSymbolicLink()) {
      at = next;
      continue;
    }
    links += 1;
    if (links > LINKS_MAX) return fileProblem(folder, 'Unreadable', 'is behind too many links');
    if (found.uid !== ROOT && !trust.users.has(found.uid)) {
      const reason = `is behind a link that belongs to user ${found.uid}: chown -h root ${quoted(next)}`;
      return fileProblem(folder, 'NotTrusted', reason);
    }
    names.unshift(
      ...resolve(dirname(next), await readlink(next))
        .split('/')
        .filter(Boolean),
    );
    at = parse(at).root;
  }
  return undefined;
}

async function placeDistrust(path: string, trust: Trust): Promise<string | undefined> {
  const { uid, gid, mode } = await lstat(path);
  const reason = distrust(path, { uid, gid, mode: (mode & STICKY) === 0 ? mode : mode & ~0o022 }, trust);
  return reason && `is in ${path}, which ${reason}`;
}

/** A path as a word of a shell's command line, for people to paste. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
