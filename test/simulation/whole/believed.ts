import type { Address } from '../../../src/api/address.ts';
import type { DeviceEntry, PCIAssignment, PCIHostPolicy } from '../../../src/api/manifest.ts';
import type { ManifestFile } from '../../../src/source/manifest-file.ts';
import type { Found } from './folder.ts';

/** What one entry wants. */
export interface Wish {
  readonly assignment: PCIAssignment;
  readonly entry: DeviceEntry;
}

/**
 * What must be believed of the manifests, said a second time and in the simplest way: of each file the last content that
 * was good, until a whole folder is read without that file. From what one life of the daemon was told, nothing else.
 */
export class Believed {
  readonly #good: Map<string, ManifestFile> = new Map();
  /** Whether everything could be read the last time, so that what is not there is not wanted. */
  isComplete = false;
  /** Whether the policy may be one that nobody has been able to read. */
  isPolicyUnknown = true;

  /** What a life before had kept on disk has been read. */
  remember(kept: ReadonlyMap<string, ManifestFile>): void {
    for (const [path, file] of kept) this.#good.set(path, file);
  }

  /** A reading of the folder has come to its end. */
  read({ scan, files }: Found): void {
    if (scan === undefined) return;
    const isWhole = scan.files.length > 0 && scan.unlisted.length === 0;
    const bad = scan.files.filter(path => files.get(path)?.problems.length !== 0);
    for (const path of scan.files) {
      const file = files.get(path);
      if (file?.problems.length === 0) this.#good.set(path, file);
    }
    for (const path of this.#good.keys()) if (isWhole && !scan.files.includes(path)) this.#good.delete(path);
    this.isComplete = isWhole && bad.length === 0;
    const isNothingKnown = !isWhole && this.#good.size === 0;
    const mayHold = bad.some(path => !this.#good.has(path) && files.get(path)?.mayHoldPolicy !== false);
    this.isPolicyUnknown = this.policy === undefined && (isNothingKnown || mayHold);
  }

  get policy(): PCIHostPolicy | undefined {
    return [...this.#good.values()].flatMap(file => file.policies)[0]?.policy;
  }

  /** Every entry in force. */
  wishes(): Wish[] {
    return this.assignments().flatMap(assignment => assignment.spec.devices.map(entry => ({ assignment, entry })));
  }

  assignments(): PCIAssignment[] {
    return [...this.#good.values()].flatMap(file => file.assignments.map(({ sourced }) => sourced.assignment));
  }

  /** The entries in force for a device. */
  wishesFor(device: Address): Wish[] {
    return this.wishes().filter(({ entry }) => entry.address === device);
  }
}

/** Whether an assignment is for a domain. */
export function isFor({ spec }: PCIAssignment, domain: { readonly name: string; readonly uuid?: string }): boolean {
  return 'uuid' in spec.domain ? spec.domain.uuid === domain.uuid : spec.domain.name === domain.name;
}
