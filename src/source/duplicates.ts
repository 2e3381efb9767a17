import { type HostIdentity, mayShareHost } from '../api/hosts.ts';
import type { ManifestProblem, Origin } from '../api/manifest.ts';
import { shown } from '../api/schema-scalars.ts';
import type { ManifestFile } from './manifest-file.ts';
import type { Mark } from './source-text.ts';
import { safeLine } from './terminal.ts';

/** Something that may be there once and is there more often. */
export interface Duplicate {
  readonly file: string;
  readonly problem: ManifestProblem;
}

interface Claim {
  /** What is claimed; two claims on one key are one too many. */
  readonly key: string;
  /** What the claimed thing is called in a message. */
  readonly what: string;
  readonly field: string;
  readonly mark: Mark;
  /** The assignment that takes turns with others for it; absent where only one may claim it. */
  readonly sharer?: string;
  readonly hosts: readonly string[] | undefined;
}

/**
 * Assignments with one name, and host policies beyond the one that there may be.
 * @param host the host that all of it is for; when absent, only what may be for one host counts.
 */
export function duplicateNames(files: ReadonlyMap<string, ManifestFile>, host?: HostIdentity): Duplicate[] {
  return duplicates(files, host, { claimsOf: nameClaims, code: 'DuplicateName', so: 'what was in force before stays' });
}

/**
 * Entries of one address or path that do not share it. What a selector or a path stands for is known only where the devices are.
 * @param host as for names.
 */
export function duplicateDevices(files: ReadonlyMap<string, ManifestFile>, host?: HostIdentity): Duplicate[] {
  return duplicates(files, host, { claimsOf: deviceClaims, code: 'DuplicateDevice', so: 'neither of them moves it' });
}

function nameClaims(file: ManifestFile): Claim[] {
  const field = 'metadata.name';
  return [
    ...file.assignments.map(({ sourced, name }) => {
      const text = sourced.assignment.metadata.name;
      const { hosts } = sourced.assignment.spec;
      return { key: `PCIAssignment ${text}`, what: `the PCIAssignment ${shown(text)}`, field, mark: name, hosts };
    }),
    ...file.policies.map(({ policy, name }) => {
      return { key: 'PCIHostPolicy', what: 'a PCIHostPolicy', field, mark: name, hosts: policy.spec.hosts };
    }),
  ];
}

function deviceClaims(file: ManifestFile): Claim[] {
  return file.assignments.flatMap(({ sourced, locators }) =>
    sourced.assignment.spec.devices.flatMap((entry, index) => {
      const mark = locators[index];
      const field = entry.address === undefined ? 'path' : 'address';
      const device = entry.address ?? entry.path;
      if (device === undefined || mark === undefined) return [];
      const { hosts } = sourced.assignment.spec;
      const claim = {
        key: device,
        what: `the device ${device}`,
        field: `spec.devices[${index}].${field}`,
        mark,
        hosts,
      };
      return [entry.sharing === 'Exclusive' ? claim : { ...claim, sharer: sourced.assignment.metadata.name }];
    }),
  );
}

interface Rule {
  readonly claimsOf: (file: ManifestFile) => readonly Claim[];
  readonly code: 'DuplicateName' | 'DuplicateDevice';
  /** What comes of it. */
  readonly so: string;
}

/** @returns for each claim on a key that has several, a problem that names another one's place. */
function duplicates(
  files: ReadonlyMap<string, ManifestFile>,
  host: HostIdentity | undefined,
  { claimsOf, code, so }: Rule,
): Duplicate[] {
  const byKey = new Map<string, { file: string; claim: Claim }[]>();
  for (const [file, content] of files) {
    for (const claim of claimsOf(content)) {
      const group = byKey.get(claim.key);
      if (group === undefined) byKey.set(claim.key, [{ file, claim }]);
      else group.push({ file, claim });
    }
  }
  const shared = [...byKey.values()].filter(group => group.length > 1);
  return shared.flatMap(group =>
    group.flatMap(({ file, claim }) => {
      const met = group.filter(({ claim: other }) => host !== undefined || mayShareHost(other.hosts, claim.hosts));
      const other = isTooMany(met) ? met.find(item => item.claim !== claim) : undefined;
      if (other === undefined) return [];
      const message = `${claim.what} stands at ${placeText(other.claim.mark)} too; ${so}`;
      return [{ file, problem: { ...claim.mark, code, field: claim.field, message } }];
    }),
  );
}

/** Sharers are never too many, unless two of them are entries of one assignment. */
function isTooMany(group: readonly { readonly claim: Claim }[]): boolean {
  const sharers = new Set(group.flatMap(({ claim }) => claim.sharer ?? []));
  return sharers.size < group.length;
}

function placeText(origin: Origin): string {
  return `${safeLine(origin.file)}:${origin.line}:${origin.column}`;
}
