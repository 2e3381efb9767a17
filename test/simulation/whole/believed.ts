import type { Address } from '../../../src/api/address.ts';
import type { DeviceEntry, PCIAssignment, PCIHostPolicy } from '../../../src/api/manifest.ts';
import type { ManifestFile } from '../../../src/source/manifest-file.ts';
import type { Found } from './folder.ts';
import { BY_PATH } from './world.ts';

/** What one entry wants. */
export interface Wish {
  readonly assignment: PCIAssignment;
  readonly entry: DeviceEntry;
  readonly address: Address;
}

/** What is laid over the folder and over what it says. */
export interface Over {
  /** A file that is tried in place of the one in the folder. */
  readonly trial?: { readonly path: string; readonly file: ManifestFile };
  /** The assignments that persons have suspended; `all` when nobody can tell. */
  readonly suspended: ReadonlySet<string> | 'all';
}

/**
 * What must be believed of the manifests, said a second time and in the simplest way: of each file the last content that
 * was good, until a whole folder is read without that file. From what one life of the daemon was told, nothing else.
 */
export class Believed {
  readonly #good: Map<string, ManifestFile> = new Map();
  /** The files that were good in this life. */
  readonly #seen = new Set<string>();
  /** Whether everything could be read the last time, so that what is not there is not wanted. */
  isComplete = false;
  /** Whether the policy may be one that nobody has been able to read. */
  isPolicyUnknown = true;
  #over: Over = { suspended: new Set() };

  /** What a life before had kept on disk has been read, maybe late: of what was good in this life it knows nothing newer. */
  remember(kept: ReadonlyMap<string, ManifestFile>): void {
    for (const [path, file] of kept) if (!this.#seen.has(path)) this.#good.set(path, file);
  }

  /** A reading of the folder has come to its end. */
  read({ scan, files }: Found, over: Over): void {
    if (scan === undefined) return;
    const isListed = scan.unlisted.length === 0;
    this.#remember(scan.files, files, isListed && scan.files.length > 0);
    this.#over = over;
    const { trial } = over;
    const found = new Map(scan.files.map(path => [path, files.get(path)]));
    if (trial !== undefined) found.set(trial.path, trial.file);
    const bad = [...found].filter(([, file]) => file?.problems.length !== 0);
    // A trial may be the first file of a folder, and does not stand for those that were in it.
    const isThere = isListed && (scan.files.length > 0 || (found.size > 0 && this.#good.size === 0));
    this.isComplete = isThere && bad.length === 0;
    const isNothingKnown = !isThere && this.#good.size === 0;
    const mayHold = bad.some(([path, file]) => !this.#good.has(path) && file?.mayHoldPolicy !== false);
    this.isPolicyUnknown = this.policy === undefined && (isNothingKnown || mayHold);
  }

  #remember(paths: readonly string[], files: Found['files'], isWhole: boolean): void {
    for (const path of paths) {
      const file = files.get(path);
      if (file?.problems.length !== 0) continue;
      this.#good.set(path, file);
      this.#seen.add(path);
    }
    for (const path of this.#good.keys()) if (isWhole && !paths.includes(path)) this.#good.delete(path);
  }

  get policy(): PCIHostPolicy | undefined {
    return this.#files().flatMap(file => file.policies)[0]?.policy;
  }

  /** Whether nobody can tell what persons have suspended. */
  get isAllSuspended(): boolean {
    return this.#over.suspended === 'all';
  }

  /** Whether persons have suspended the assignment of that name, whether or not it is still there. */
  isSuspended(name: string): boolean {
    return this.#over.suspended === 'all' || this.#over.suspended.has(name);
  }

  /** Every entry in force that names one device. */
  wishes(): Wish[] {
    return this.assignments().flatMap(assignment =>
      assignment.spec.devices.flatMap(entry => {
        const address = entry.address ?? (entry.path === undefined ? undefined : BY_PATH.get(entry.path));
        return address === undefined ? [] : [{ assignment, entry, address }];
      }),
    );
  }

  assignments(): PCIAssignment[] {
    const all = this.#files().flatMap(file => file.assignments.map(({ sourced }) => sourced.assignment));
    return all.map(assignment => {
      return this.isSuspended(assignment.metadata.name)
        ? { ...assignment, spec: { ...assignment.spec, suspend: true } }
        : assignment;
    });
  }

  #files(): ManifestFile[] {
    const { trial } = this.#over;
    if (trial === undefined || trial.file.problems.length > 0) return [...this.#good.values()];
    return [...new Map(this.#good).set(trial.path, trial.file).values()];
  }

  /** The entries in force for a device. */
  wishesFor(device: Address): Wish[] {
    return this.wishes().filter(({ address }) => address === device);
  }
}

/** Whether an assignment is for a domain. */
export function isFor({ spec }: PCIAssignment, domain: { readonly name: string; readonly uuid?: string }): boolean {
  return 'uuid' in spec.domain ? spec.domain.uuid === domain.uuid : spec.domain.name === domain.name;
}
