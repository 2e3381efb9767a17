import { execFile } from 'node:child_process';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sums, type Tree, writeTree } from './tree.ts';

/** A Debian package before it is built. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: 'all' | 'amd64';
  /** Further fields of `control`, in order, deb-control(5). */
  readonly fields: Readonly<Record<string, string>>;
  readonly tree: Tree;
  /** Maintainer scripts by name: their texts. */
  readonly scripts: Readonly<Record<string, string>>;
}

export interface BuildOptions {
  /** A folder to work in; what is in it is removed. */
  readonly work: string;
  /** Where the package goes. */
  readonly out: string;
  /** Seconds since the epoch that all files get: what makes the same sources the same package. */
  readonly epoch: number;
  /** `none` is quick and large, for tests. */
  readonly compression: 'xz' | 'none';
}

/**
 * Builds a package with dpkg-deb. Everything below /etc is a conffile.
 * @returns its path.
 * @throws when dpkg-deb is missing or refuses.
 */
export async function buildDebian(what: DebianPackage, options: BuildOptions): Promise<string> {
  const { name, version, architecture, tree, scripts } = what;
  const { work, out, epoch, compression } = options;
  await rm(work, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await writeTree(work, tree);
  const { md5sums, kib } = await sums(work);
  const debian = join(work, 'DEBIAN');
  await mkdir(debian);
  await chmod(debian, 0o755);
  const conffiles = [...tree].filter(([path, entry]) => path.startsWith('/etc/') && !('folder' in entry));
  const files: readonly (readonly [string, string, number])[] = [
    ['control', controlText(what, kib), 0o644],
    ['md5sums', md5sums, 0o644],
    ['conffiles', conffiles.map(([path]) => `${path}\n`).join(''), 0o644],
    ...Object.entries(scripts).map(([script, text]) => [script, text, 0o755] as const),
  ];
  for (const [file, text, mode] of files) {
    await writeFile(join(debian, file), text);
    await chmod(join(debian, file), mode);
  }
  const path = join(out, `${name}_${version}_${architecture}.deb`);
  const half = `${path}.new`;
  const settings = [`SOURCE_DATE_EPOCH=${epoch}`, 'LC_ALL=C'];
  const args = ['dpkg-deb', '--root-owner-group', `-Z${compression}`, '--build', work, half];
  await promisify(execFile)('env', [...settings, ...args]);
  // Never a part of a package under its name, whenever this is ended.
  await rename(half, path);
  return path;
}

function controlText({ name, version, architecture, fields }: DebianPackage, kib: number): string {
  const head = { Package: name, Version: version, Architecture: architecture, 'Installed-Size': `${kib}` };
  return Object.entries({ ...head, ...fields })
    .map(([field, value]) => `${field}: ${value}\n`)
    .join('');
}
