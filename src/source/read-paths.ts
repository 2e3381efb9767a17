import { stat } from 'node:fs/promises';
import type { HostIdentity } from '../api/hosts.ts';
import type { ManifestProblem, SourceSnapshot } from '../api/manifest.ts';
import { FileCache } from './file-cache.ts';
import { settle } from './ledger.ts';
import type { ManifestFile } from './manifest-file.ts';
import { emptyFolder } from './problem.ts';
import { QUIET_MS } from './quiet.ts';
import { scanFolder } from './scan.ts';

/**
 * Reads files and folders once, for `xenpci validate PATH...`. A file that is named is read whatever its name; of a
 * folder, the same files as the controller reads. Never throws: what is wrong is in `problems`.
 * @param host only what is for this host counts, as it would there; all hosts' objects when absent.
 */
export async function readPaths(
  paths: readonly string[],
  host?: HostIdentity,
): Promise<SourceSnapshot & { readonly valid: number }> {
  const files = new Set<string>();
  const unknown: ManifestProblem[] = [];
  for (const path of paths) {
    if (!(await isFolder(path))) {
      files.add(path);
      continue;
    }
    const scan = await scanFolder(path);
    unknown.push(...scan.unlisted);
    if (scan.files.length === 0 && scan.unlisted.length === 0) unknown.push(emptyFolder(path));
    for (const file of scan.files) files.add(file);
  }
  const cache = new FileCache(QUIET_MS);
  const contents = new Map<string, ManifestFile>();
  for (const file of files) contents.set(file, await cache.read(file));
  const { inForce, snapshot } = settle(new Map(), { files: contents, unknown }, host);
  const counts = [...inForce.values()].map(({ assignments, policies }) => assignments.length + policies.length);
  return { ...snapshot, valid: counts.reduce((sum, count) => sum + count, 0) };
}

/** False also where nothing is known: reading it as a file then says why. */
async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    stats => stats.isDirectory(),
    () => false,
  );
}
