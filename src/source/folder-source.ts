import { resolve } from 'node:path';
import PQueue from 'p-queue';
import type { HostIdentity } from '../api/hosts.ts';
import type { ManifestProblem, SourceSnapshot } from '../api/manifest.ts';
import type { Source } from '../controller/ports.ts';
import { LastGood, type LastGoodStore } from './last-good.ts';
import { type InForce, settle } from './ledger.ts';
import { READS_AT_ONCE, UNREST_MAX } from './limits.ts';
import type { ManifestFile } from './manifest-file.ts';
import type { Overlay, Overlays } from './overlay.ts';
import { emptyFolder, fileProblem } from './problem.ts';
import { QUIET_MS } from './quiet.ts';
import type { Scan } from './scan.ts';
import { diskTree, type Tree, type TreeWatch } from './tree.ts';
import type { Trust } from './trust.ts';

export interface FolderSourceOptions {
  readonly folder: string;
  /** Objects whose `spec.hosts` do not name this host do not count. A new name of the host needs a new source. */
  readonly host: HostIdentity;
  /** Whether a missing folder, or one without manifests, means that nothing is desired. Otherwise it is an error. */
  readonly allowEmpty?: boolean;
  /** How long files and folders must have stood still for what they say to count; 100 ms if not given. */
  readonly quietMs?: number;
  /** Called when watching does not work in full; reading goes on to work. */
  readonly onWatchError?: (error: Error) => void;
  /** Where what is in force outlives this process; only in memory if not given. */
  readonly lastGood?: LastGoodStore;
  /** Called when that store is of no use; reading goes on to work. */
  readonly onLastGoodError?: (error: Error) => void;
  /** What is read instead of some files of the folder. It is never remembered: when it goes, what is written counts. */
  readonly overlays?: Overlays;
  /** Whose files and folders on disk are followed; everybody's if not given. */
  readonly trust?: Trust;
  /** Where the folder is kept; on disk if not given. */
  readonly tree?: Tree;
}

/** What is in the folder, and of what nothing is known. */
interface FolderReading {
  readonly files: ReadonlyMap<string, ManifestFile>;
  readonly scan: Scan;
  readonly unknown: readonly ManifestProblem[];
}

/**
 * A folder of manifests as the desired state. Each file's last good content stays in force while the file cannot be
 * read or is not valid, with a store also over restarts.
 */
export class FolderSource implements Source {
  readonly #options: FolderSourceOptions;
  readonly #folder: string;
  readonly #tree: Tree;
  readonly #hints = new Set<(about: string) => void>();
  readonly #lastGood: LastGood;
  #inForce: InForce | undefined;
  #watch: TreeWatch | undefined;
  #watchedLayout: string | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  /** How often in a row the folder has changed while it was read, since a file came or went. */
  #unrest = 0;
  readonly #overlaid = new Map<string, { readonly bytes: Uint8Array; readonly file: ManifestFile }>();

  constructor(options: FolderSourceOptions) {
    this.#options = options;
    this.#folder = resolve(options.folder);
    this.#tree = options.tree ?? diskTree(this.#folder, options.quietMs ?? QUIET_MS, options.trust);
    this.#lastGood = new LastGood(options.lastGood, error => options.onLastGoodError?.(error));
  }

  /** Reads what the folder says now; one call at a time. @throws when the overlays cannot be read. */
  read(): Promise<SourceSnapshot> {
    const snapshot = this.#reading.then(() => this.#read());
    // One that failed must not fail those after it.
    this.#reading = snapshot.catch(() => undefined);
    return snapshot;
  }

  onHint(hint: (about: string) => void): () => void {
    this.#hints.add(hint);
    this.#watch ??= this.#tree.watch({
      changed: () => {
        for (const tell of this.#hints) tell('manifests');
      },
      failed: error => this.#options.onWatchError?.(error),
    });
    const endOverlays = this.#options.overlays?.onHint(() => hint('trial'));
    return () => {
      endOverlays?.();
      this.#hints.delete(hint);
    };
  }

  async close(): Promise<void> {
    this.#hints.clear();
    await this.#reading;
    await this.#watch?.close();
    this.#watch = undefined;
  }

  async #read(): Promise<SourceSnapshot> {
    const overlays = (await this.#options.overlays?.read()) ?? [];
    const { files, scan, unknown } = await this.#readFiles();
    this.#tree.keepOnly(scan.files);
    if (this.#watch !== undefined && scan.layout !== this.#watchedLayout) {
      this.#watchedLayout = scan.layout;
      this.#watch.arm(scan.targets);
    }
    const { host } = this.#options;
    const before = await this.#lastGood.before(this.#inForce, host, this.#tree);
    const { inForce, snapshot } = settle(before, { files, unknown }, host);
    this.#inForce = inForce;
    await this.#lastGood.keep(inForce);
    return overlays.length === 0 ? snapshot : this.#withOverlays(overlays, inForce, { files, scan, unknown });
  }

  /** As it would be with other files, of which nothing is remembered. */
  #withOverlays(
    overlays: readonly Overlay[],
    before: InForce,
    { files, scan, unknown }: FolderReading,
  ): SourceSnapshot {
    const overlaid = overlays.map(({ path, bytes }) => [path, this.#parsed(path, bytes)] as const);
    // An overlay may be the first file there is. Where there were others, the folder is no less suddenly empty for it.
    const isNew = scan.files.length === 0 && !scan.missing && before.size === 0;
    const reading = { files: new Map([...files, ...overlaid]), unknown: isNew ? scan.unlisted : unknown };
    const { snapshot } = settle(before, reading, this.#options.host);
    const trial = overlays.find(overlay => overlay.trial !== undefined)?.trial;
    return trial === undefined ? snapshot : { ...snapshot, trial };
  }

  #parsed(path: string, bytes: Uint8Array): ManifestFile {
    const known = this.#overlaid.get(path);
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known.file;
    const file = this.#tree.parse(path, bytes);
    this.#overlaid.set(path, { bytes, file });
    return file;
  }

  /**
   * Reads all files, again if the folder changed meanwhile: half of one state and half of the next is neither. Where it
   * never rests, because one file after the other is replaced, or something else is written there all the time, what it
   * says counts all the same as long as none came or went: each file stood still when it was read.
   */
  async #readFiles(): Promise<FolderReading> {
    const folder = this.#folder;
    let scan = await this.#tree.scan();
    for (let attempt = 0; attempt < UNREST_MAX; attempt++) {
      await this.#tree.untilQuiet(scan);
      const files = await this.#readAll(scan.files);
      const after = await this.#tree.scan();
      const isQuiet = after.fingerprint === scan.fingerprint;
      this.#unrest = isQuiet || !sameNames(scan, after) ? 0 : this.#unrest + 1;
      if (isQuiet || this.#unrest >= UNREST_MAX) return { files, scan: after, unknown: this.#unknown(after) };
      scan = after;
    }
    const problem = fileProblem(folder, 'Unreadable', 'keeps changing while it is read');
    return { files: new Map(), scan, unknown: [problem] };
  }

  async #readAll(paths: readonly string[]): Promise<ReadonlyMap<string, ManifestFile>> {
    const queue = new PQueue({ concurrency: READS_AT_ONCE });
    const files = await queue.addAll(paths.map(path => () => this.#tree.read(path)));
    return new Map(paths.map((path, index) => [path, files[index] as ManifestFile]));
  }

  #unknown(scan: Scan): ManifestProblem[] {
    const { allowEmpty = false } = this.#options;
    const isListed = scan.unlisted.every(({ file }) => file !== this.#folder);
    if (scan.files.length > 0 || (!isListed && !scan.missing)) return [...scan.unlisted];
    if (scan.missing) return allowEmpty ? [] : [...scan.unlisted];
    return allowEmpty ? [...scan.unlisted] : [emptyFolder(this.#folder), ...scan.unlisted];
  }
}

/** Whether the same files are there, in the same folders. */
function sameNames(some: Scan, others: Scan): boolean {
  if (some.layout !== others.layout || some.files.length !== others.files.length) return false;
  return some.files.every((file, index) => file === others.files[index]);
}
