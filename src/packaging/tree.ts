import { createHash } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** One thing that a package installs. */
export type Entry = (
  | { readonly text: string }
  /** A file to copy, bytes as they are. */
  | { readonly from: string }
  | { readonly link: string }
  | { readonly folder: true }
) & { readonly mode?: number };

/** What a package installs, by absolute path. */
export type Tree = ReadonlyMap<string, Entry>;

/** A text compressed as Debian's policy has it for manual pages and changelogs: no name, no time. */
export function gzipped(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}

/** Writes a tree below a folder, with the same permissions whatever the umask. */
export async function writeTree(root: string, tree: Tree): Promise<void> {
  for (const [path, entry] of tree) {
    const target = join(root, path);
    await makeFolders(root, 'folder' in entry ? path : dirname(path));
    if ('folder' in entry) continue;
    if ('link' in entry) {
      await symlink(entry.link, target);
      continue;
    }
    if ('from' in entry) await copyFile(entry.from, target);
    else await writeFile(target, path.endsWith('.gz') ? gzipped(entry.text) : entry.text);
    await chmod(target, entry.mode ?? 0o644);
  }
}

async function makeFolders(root: string, path: string): Promise<void> {
  const parts = path.split('/').filter(part => part !== '');
  for (let count = 0; count <= parts.length; count += 1) {
    const folder = join(root, ...parts.slice(0, count));
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
  }
}

/** The `md5sums` of a package, and the KiB that it takes, each file rounded up as Debian's policy has it. */
export async function sums(root: string): Promise<{ readonly md5sums: string; readonly kib: number }> {
  const paths = (await readdir(root, { recursive: true })).filter(path => !path.startsWith('DEBIAN')).sort();
  const lines: string[] = [];
  let kib = 0;
  for (const path of paths) {
    const found = await lstat(join(root, path));
    kib += found.isFile() ? Math.ceil(found.size / 1024) : 1;
    if (!found.isFile()) continue;
    const md5 = createHash('md5')
      .update(await readFile(join(root, path)))
      .digest('hex');
    lines.push(`${md5}  ${path}\n`);
  }
  return { md5sums: lines.join(''), kib };
}
