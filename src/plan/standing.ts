import type { Address } from '../api/address.ts';
import type { Approval } from './approval.ts';

/** What a decision rests on besides the host, the manifests and the record. */
export interface Standing {
  /** The approvals that hold now. */
  readonly approved: readonly Approval[];
  /** How often in a row the present step of a device has failed. */
  readonly failures: (device: Address) => number;
}

/** The standing that these facts come to. @param failures by device. */
export function standingOf(approved: readonly Approval[], failures: ReadonlyMap<string, number>): Standing {
  return { approved, failures: device => failures.get(device) ?? 0 };
}

/** Nothing was approved, and nothing has failed. */
export const NO_STANDING: Standing = { approved: [], failures: () => 0 };
