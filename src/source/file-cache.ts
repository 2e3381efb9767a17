import { type ManifestFile, parseManifestFile, unusableFile } from './manifest-file.ts';
import { readStable, stampOf } from './read-file.ts';
import type { Trust } from './trust.ts';

interface Cached {
  readonly stamp: string;
  readonly file: ManifestFile;
}

/** What the files said when they were last parsed: a file that has not changed is not parsed again. */
export class FileCache {
  readonly #files = new Map<string, Cached>();
  readonly #quietMs: number;
  readonly #trust: Trust | undefined;

  /**
   * @param quietMs how long a file must have stood still for what it says to count.
   * @param trust whose files count; everybody's when absent.
   */
  constructor(quietMs: number, trust?: Trust) {
    this.#quietMs = quietMs;
    this.#trust = trust;
  }

  /** What the file at `path` says now. Never throws: what is wrong is among its problems. */
  async read(path: string): Promise<ManifestFile> {
    const cached = this.#files.get(path);
    if (cached !== undefined && (await presentStamp(path)) === cached.stamp) return cached.file;
    this.#files.delete(path);
    const result = await readStable(path, this.#quietMs, this.#trust);
    if (!('bytes' in result)) return unusableFile(result);
    const file = parseManifestFile(path, result.bytes);
    this.#files.set(path, { stamp: result.stamp, file });
    return file;
  }

  /** Forgets all files but these. */
  keepOnly(paths: Iterable<string>): void {
    const wanted = new Set(paths);
    for (const path of this.#files.keys()) if (!wanted.has(path)) this.#files.delete(path);
  }
}

/** @returns undefined when there is no looking at the file; reading it will then say why. */
async function presentStamp(path: string): Promise<string | undefined> {
  return stampOf(path).catch(() => undefined);
}
