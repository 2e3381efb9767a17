import type { LastGoodStore } from '../../../src/source/last-good.ts';
import { type ManifestFile, parseManifestFile, unusableFile } from '../../../src/source/manifest-file.ts';
import { fileProblem } from '../../../src/source/problem.ts';
import type { Scan } from '../../../src/source/scan.ts';
import type { Tree } from '../../../src/source/tree.ts';
import type { Chaos } from './chaos.ts';
import type { Life } from './life.ts';

export const FOLDER = '/etc/xenpci/manifests';

/** The folder of manifests as it is. */
export class Folder {
  state: 'there' | 'missing' | 'unreadable' = 'there';
  /** Texts by path. */
  files: ReadonlyMap<string, string> = new Map();
  /** Another one for each folder that takes the place of the one before, and for each file that comes or goes. */
  version = 0;
  readonly #listeners = new Set<() => void>();

  /** How many watch it. */
  get watches(): number {
    return this.#listeners.size;
  }

  write(path: string, text: string): void {
    if (!this.files.has(path)) this.version += 1;
    this.files = new Map(this.files).set(path, text);
    this.#tell();
  }

  remove(path: string): void {
    const files = new Map(this.files);
    if (files.delete(path)) this.version += 1;
    this.files = files;
    this.#tell();
  }

  /** Another folder takes its place, as a link that is pointed elsewhere. */
  replace(files: ReadonlyMap<string, string>): void {
    this.files = files;
    this.version += 1;
    this.#tell();
  }

  setState(state: Folder['state']): void {
    this.state = state;
    this.version += 1;
    this.#tell();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** What the daemon found when it read the folder last, by what the tree answered. */
export interface Found {
  scan: Scan | undefined;
  readonly files: Map<string, ManifestFile>;
}

/** The folder as one life of the daemon sees it; what it is told last is in `found`. */
export function treeOf(folder: Folder, life: Life, chaos: Chaos, found: Found): Tree {
  return {
    async scan() {
      await life.point('scan of the folder');
      found.scan = scan(folder);
      return found.scan;
    },
    untilQuiet: async () => {
      const latency = chaos.latency(20);
      if (latency > 0) await life.sleep(latency);
    },
    async read(path) {
      await life.point('read of a manifest');
      const text = chaos.strikes('readFailed') ? undefined : folder.files.get(path);
      const file =
        text === undefined || folder.state !== 'there'
          ? unusableFile(fileProblem(path, 'Unreadable', 'input/output error (EIO)'))
          : parsed(path, text);
      found.files.set(path, file);
      return file;
    },
    parse: (path, bytes) => parsed(path, Buffer.from(bytes).toString()),
    keepOnly: () => undefined,
    watch({ changed }) {
      const end = life.untilDeath(folder.onChange(() => chaos.hint(life, changed)));
      return { arm: () => undefined, close: async () => void end() };
    },
  };
}

function scan(folder: Folder): Scan {
  const layout = `${folder.state} ${folder.version}`;
  const empty = { files: [], fingerprint: layout, layout, targets: [], changedMs: 0 };
  if (folder.state === 'there') {
    return { ...empty, files: [...folder.files.keys()].sort(), unlisted: [], missing: false };
  }
  const missing = folder.state === 'missing';
  const why = missing ? 'is not there, or is a link to nothing' : 'permission denied (EACCES)';
  return { ...empty, unlisted: [fileProblem(FOLDER, 'Unreadable', why)], missing };
}

const CACHE_MAX = 20_000;
const cache = new Map<string, ManifestFile>();

/** Parses, once for each text: it depends on nothing else, and takes the better part of a run's time. */
export function parsed(path: string, text: string): ManifestFile {
  const key = `${path}\n${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size >= CACHE_MAX) cache.clear();
  const file = parseManifestFile(path, Buffer.from(text));
  cache.set(key, file);
  return file;
}

/** The disk with the daemon's state folder. */
export interface Disk {
  /** Nothing can be written: it is full, or mounted read-only. */
  isFull: boolean;
  /** Nothing can be read. */
  isBroken: boolean;
  record: string | undefined;
  /** Which cards guests were given: on a disk that ends with the boot. */
  given: string | undefined;
  lastGood: ReadonlyMap<string, string>;
}

export function newDisk(): Disk {
  return { isFull: false, isBroken: false, record: undefined, given: undefined, lastGood: new Map() };
}

/** Writes as `replaceFile` does: what was there stays until the whole of what is new is on disk. */
export async function replaceOn(disk: Disk, life: Life, chaos: Chaos, write: () => void): Promise<void> {
  await life.point('save');
  if (disk.isFull || chaos.strikes('saveFailed')) throw new Error('no space left on device (ENOSPC)');
  const latency = chaos.latency(30);
  if (latency > 0) await life.sleep(latency);
  await life.point('rename of what is saved');
  write();
  await life.point('end of a save');
}

/** @throws when it cannot be read. */
export async function readFrom<T>(disk: Disk, life: Life, chaos: Chaos, read: () => T): Promise<T> {
  await life.point('load');
  if (disk.isBroken || chaos.strikes('loadFailed')) throw new Error('input/output error (EIO)');
  return read();
}

export function lastGoodOn(disk: Disk, life: Life, chaos: Chaos): LastGoodStore {
  return {
    load: () => readFrom(disk, life, chaos, () => disk.lastGood),
    save: texts =>
      replaceOn(disk, life, chaos, () => {
        disk.lastGood = texts;
      }),
  };
}
