import { FileCache } from './file-cache.ts';
import { FolderWatch, type WatchListener } from './folder-watch.ts';
import { type ManifestFile, parseManifestFile } from './manifest-file.ts';
import { untilQuiet } from './quiet.ts';
import { type Scan, scanFolder } from './scan.ts';
import type { Trust } from './trust.ts';

/** A folder of manifests, wherever it is kept. */
export interface Tree {
  /** What is in it. Never throws. */
  scan(): Promise<Scan>;
  /** Returns when what a scan found has been left alone for long enough. */
  untilQuiet(scan: Scan): Promise<void>;
  /** What the file at a path of a scan says now. Never throws: what is wrong is among its problems. */
  read(path: string): Promise<ManifestFile>;
  /** What a file at that path would say with this content. Never throws either. */
  parse(path: string, bytes: Uint8Array): ManifestFile;
  /** No other file than these will be read before the next scan. */
  keepOnly(paths: readonly string[]): void;
  /** Tells of changes until it is closed. */
  watch(listener: WatchListener): TreeWatch;
}

/** A watch of a tree. */
export interface TreeWatch {
  /** Starts over, for folders that have been replaced. @param targets real paths of what links lead to. */
  arm(targets: readonly string[]): void;
  close(): Promise<void>;
}

/**
 * A folder on disk.
 * @param quietMs how long files and folders must have stood still for what they say to count.
 * @param trust whose files and folders count; everybody's when absent.
 */
export function diskTree(folder: string, quietMs: number, trust?: Trust): Tree {
  const cache = new FileCache(quietMs, trust);
  return {
    scan: () => scanFolder(folder, trust),
    untilQuiet: ({ changedMs }) => untilQuiet(changedMs, quietMs),
    read: path => cache.read(path),
    parse: parseManifestFile,
    keepOnly: paths => cache.keepOnly(paths),
    watch: listener => new FolderWatch(folder, listener),
  };
}
