import type { Address } from '../api/address.ts';
import type { Condition } from '../api/conditions.ts';
import type { Elsewhere, ManifestProblem, TrialNow } from '../api/manifest.ts';
import type { ForeignDevice } from '../plan/foreign.ts';
import type { Hold } from '../plan/hold.ts';
import { type Place, samePlace } from '../plan/observed.ts';

/** Everything that the controller knows, as of one look. Times are RFC 3339 in UTC. */
export interface Status {
  readonly observedAt: string;
  readonly assignments: readonly AssignmentStatus[];
  /** Devices that are claimed or held, by address. */
  readonly devices: readonly DeviceStatus[];
  readonly problems: readonly ManifestProblem[];
  /** What the manifests say about other hosts. */
  readonly elsewhere?: Elsewhere;
  /** The file that is on trial, if one is. */
  readonly trial?: TrialNow;
}

export interface AssignmentStatus {
  readonly name: string;
  readonly domain: string;
  readonly file: string;
  readonly line: number;
  readonly conditions: readonly Condition[];
  readonly devices: readonly EntryStatus[];
  /** What its domain has that is neither ours nor named; absent when there is nothing. */
  readonly foreign?: readonly ForeignDevice[];
}

/** One device of an assignment; without `address` when the entry names none on this host. */
export interface EntryStatus {
  readonly entry: string;
  readonly address?: Address;
  readonly ready: boolean;
}

export interface DeviceStatus {
  readonly address: Address;
  /** The assignment that is followed; absent for one that is being let go of, or that several name in conflict. */
  readonly assignment?: string;
  readonly have?: Place;
  readonly want?: Place;
  /** The step that is being taken; until it has ended, what a look shows may be half of it. */
  readonly underWay?: string;
  readonly steps: readonly string[];
  /** The steps that are held until a person approves them. */
  readonly afterApproval?: readonly string[];
  readonly wait?: WaitStatus;
  readonly failure?: FailureStatus;
  readonly divergence?: string;
  /** The other entries that name it, each with why it does not have it, or nothing while its domain is off. */
  readonly others?: readonly BystanderStatus[];
}

/** An entry that names a device which another one has, or is to have. */
export interface BystanderStatus {
  readonly assignment: string;
  readonly entry: string;
  readonly wait?: WaitStatus;
}

/** A hold with its times; `deadline` is absent for guards, which nothing but a person ends. */
export interface WaitStatus extends Hold {
  readonly since: string;
  readonly deadline?: string;
  readonly overdue: boolean;
}

export interface FailureStatus {
  readonly count: number;
  readonly error: string;
  readonly since: string;
  readonly nextTry: string;
}

/**
 * A device as one of the entries that name it sees it: the place and the steps are about the entry that is followed. For
 * another one, whose domain is off, it is as it should be.
 */
export function asSeenBy(device: DeviceStatus, assignment: string, entry: string): DeviceStatus {
  const other = device.others?.find(item => item.assignment === assignment && item.entry === entry);
  if (other === undefined) return device;
  const { address, have } = device;
  const seen = { address, assignment, steps: [], ...(have === undefined ? {} : { have, want: have }) };
  return other.wait === undefined ? seen : { ...seen, wait: other.wait };
}

/** Whether a device is where it should be, for good; one that may be missing may also be missing. */
export function isReady(device: DeviceStatus | undefined, whenMissing: 'Fail' | 'Ignore'): boolean {
  if (device === undefined || device.underWay !== undefined) return false;
  if (device.wait?.reason === 'DeviceMissing' && whenMissing === 'Ignore') return true;
  if (device.wait !== undefined || device.have === undefined || device.want === undefined) return false;
  return device.steps.length === 0 && samePlace(device.have, device.want);
}
