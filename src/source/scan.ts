import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestProblem } from '../api/manifest.ts';
import { FILES_MAX, FOLDER_DEPTH_MAX, FOLDERS_MAX } from './limits.ts';
import { fileProblem, isNotFound, systemErrorText } from './problem.ts';
import { distrustProblem, type Trust, wayProblem } from './trust.ts';

/** What is in a folder and its subfolders. */
export interface Scan {
  /** Paths of the manifest files, sorted. */
  readonly files: readonly string[];
  /** Folders, by the path in `file`, whose content could not be listed: nothing is known of what is in them. */
  readonly unlisted: readonly ManifestProblem[];
  /** Whether there is nothing at all at the folder's path. */
  readonly missing: boolean;
  /** Changes when a file comes or goes, or a folder or the target of a link is replaced. */
  readonly fingerprint: string;
  /** Changes when a folder or the target of a link is replaced: what a watcher has to be armed again for. */
  readonly layout: string;
  /** Real paths, without links in them, of all folders and of all files that are linked to. */
  readonly targets: readonly string[];
  /** When the last of the folders was changed, in milliseconds since the epoch. */
  readonly changedMs: number;
}

const MANIFEST = /\.(?:ya?ml|json)$/;
// Emacs, vi and others keep these beside the file that is being edited.
const LEFTOVER = /^\.|~$|\.swp$|^#.*#$|^4913$/;

/** Whether a name in a folder is one that the source looks at. */
export function isIgnored(name: string): boolean {
  return LEFTOVER.test(name);
}

/** Whether a file of this name is read as a manifest. */
export function isManifestName(name: string): boolean {
  return MANIFEST.test(name) && !isIgnored(name);
}

/**
 * Lists the manifests below a folder, through links to files and folders. Never throws.
 * @param folder its path goes before all paths in the result. It may be a link, or on the way there may be one; links in
 *   it may not lead out of it.
 * @param trust whose folders count; everybody's when absent.
 */
export async function scanFolder(folder: string, trust?: Trust): Promise<Scan> {
  const walk: Walk = { trust, files: [], unlisted: [], fingerprint: [], layout: [], targets: new Set(), changedMs: 0 };
  let missing = false;
  try {
    const problem = trust && (await wayProblem(folder, trust));
    if (problem === undefined) await walkFolder(folder, [], walk);
    else walk.unlisted.push(problem);
  } catch (error) {
    missing = isNotFound(error) && (await isNothing(folder));
    walk.unlisted.push(unlistedFolder(folder, error));
  }
  return {
    files: walk.files.sort(),
    unlisted: walk.unlisted,
    missing,
    fingerprint: [...walk.files, ...walk.fingerprint].join('\n'),
    layout: walk.layout.join('\n'),
    targets: [...walk.targets],
    changedMs: walk.changedMs,
  };
}

/** A link to nothing is something. */
async function isNothing(path: string): Promise<boolean> {
  return lstat(path).then(() => false, isNotFound);
}

interface Walk {
  readonly trust: Trust | undefined;
  /** The real path of the outermost folder, once that is known. */
  root?: string;
  readonly files: string[];
  readonly unlisted: ManifestProblem[];
  readonly fingerprint: string[];
  readonly layout: string[];
  readonly targets: Set<string>;
  changedMs: number;
}

function unlistedFolder(path: string, error: unknown): ManifestProblem {
  const reason = isNotFound(error) ? 'is not there, or is a link to nothing' : systemErrorText(error);
  return fileProblem(path, 'Unreadable', reason);
}

/** @param above identities of the folders that this one is in: a link back to one of them leads nowhere new. */
async function walkFolder(folder: string, above: readonly string[], walk: Walk): Promise<void> {
  const stats = await stat(folder, { bigint: true });
  const identity = `${stats.dev}:${stats.ino}`;
  if (above.includes(identity)) return;
  if (above.length > FOLDER_DEPTH_MAX || walk.layout.length > FOLDERS_MAX) {
    const message = `is more than ${FOLDER_DEPTH_MAX} folders deep, or beyond the ${FOLDERS_MAX} folders that are read`;
    walk.unlisted.push(fileProblem(folder, 'TooLarge', message));
    return;
  }
  const { uid, gid, mode } = stats;
  const owned = { uid: Number(uid), gid: Number(gid), mode: Number(mode) };
  const distrusted = distrustProblem(folder, owned, walk.trust);
  if (distrusted !== undefined) {
    walk.unlisted.push(distrusted);
    return;
  }
  const entries = await readdir(folder, { withFileTypes: true });
  walk.fingerprint.push(`${folder} ${identity} ${stats.mtimeNs}`);
  walk.changedMs = Math.max(walk.changedMs, Number(stats.mtimeMs));
  const target = await realpath(folder);
  walk.root ??= target;
  walk.layout.push(`${folder} ${identity} ${target}`);
  walk.targets.add(target);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isIgnored(entry.name)) continue;
    await walkEntry(join(folder, entry.name), entry, [...above, identity], walk);
  }
}

async function walkEntry(path: string, entry: Dirent, above: readonly string[], walk: Walk): Promise<void> {
  const manifest = MANIFEST.test(entry.name);
  if (entry.isFile() && !manifest) return;
  try {
    const target = entry.isDirectory() || entry.isFile() ? entry : await linkTarget(path, walk);
    if (target === undefined) return;
    if (target.isDirectory()) await walkFolder(path, above, walk);
    else if (manifest) addFile(path, walk);
  } catch (error) {
    // A manifest that is a link to nothing is still one of the files: reading it says what is wrong.
    if (manifest && isNotFound(error)) addFile(path, walk);
    else walk.unlisted.push(unlistedFolder(path, error));
  }
}

/** @returns undefined for a link that leads out of the folder: who may change what it leads to is another matter. */
async function linkTarget(path: string, walk: Walk): Promise<BigIntStats | undefined> {
  const stats = await stat(path, { bigint: true });
  const target = await realpath(path);
  const { root = '/' } = walk;
  if (target !== root && !target.startsWith(root === '/' ? root : `${root}/`)) {
    const message = `is not followed, because it is a link to ${target}, out of ${root}; put a file in its place`;
    walk.unlisted.push(fileProblem(path, 'NotTrusted', message));
    return undefined;
  }
  const link = `${path} -> ${target} ${stats.dev}:${stats.ino}`;
  walk.fingerprint.push(link);
  walk.layout.push(link);
  if (stats.isFile()) walk.targets.add(target);
  return stats;
}

function addFile(path: string, walk: Walk): void {
  if (walk.files.length < FILES_MAX) walk.files.push(path);
  else walk.unlisted.push(fileProblem(path, 'TooLarge', `is beyond the ${FILES_MAX} files that are read`));
}
