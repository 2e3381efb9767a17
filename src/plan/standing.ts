import type { Address } from '../api/address.ts';
import type { Approval } from './approval.ts';

/** What a decision rests on besides the host, the manifests and the record. */
export interface Standing {
  /** The approvals that hold now. */
  readonly approved: readonly Approval[];
  /** How often in a row the present step of a device has failed. */
  readonly failures: (device: Address) => number;
}

/** Nothing was approved, and nothing has failed. */
export const NO_STANDING: Standing = { approved: [], failures: () => 0 };
