import { type ManifestFile, parseManifestFile, unusableFile } from './manifest-file.ts';
import { readStable, stampOf } from './read-file.ts';

interface Cached {
  readonly key: string;
  readonly file: ManifestFile;
}

/** What the files said when they were last parsed: a file that has not changed is not parsed again. */
export class FileCache {
  readonly #files = new Map<string, Cached>();

  /** What the file at `path` says now. Never throws: what is wrong is among its problems. */
  async read(path: string): Promise<ManifestFile> {
    const cached = this.#files.get(path);
    if (cached !== undefined && (await currentKey(path)) === cached.key) return cached.file;
    this.#files.delete(path);
    const result = await readStable(path);
    if (!('bytes' in result)) return unusableFile(result);
    const file = parseManifestFile(path, result.bytes);
    if (!result.stamp.fresh) this.#files.set(path, { key: result.stamp.key, file });
    return file;
  }

  /** Forgets all files but these. */
  keepOnly(paths: Iterable<string>): void {
    const wanted = new Set(paths);
    for (const path of this.#files.keys()) if (!wanted.has(path)) this.#files.delete(path);
  }
}

/** @returns undefined when there is no looking at the file; reading it will then say why. */
async function currentKey(path: string): Promise<string | undefined> {
  return stampOf(path).then(
    stamp => stamp.key,
    () => undefined,
  );
}
