import type { SourceSnapshot } from '../api/manifest.ts';
import type { Approval } from '../plan/approval.ts';
import type { Inventory } from '../plan/inventory.ts';
import type { Observed } from '../plan/observed.ts';
import type { Plan } from '../plan/plan.ts';
import type { Status } from './status-types.ts';

/** One look at a host, and what follows from it. */
export interface Look {
  readonly observed: Observed;
  readonly source: SourceSnapshot;
  readonly inventory: Inventory;
  /** The approvals that were in force. */
  readonly approvals: readonly Approval[];
  /** How often in a row the present step of each key, such as a device, had failed when it was decided. */
  readonly failures: ReadonlyMap<string, number>;
  readonly plan: Plan;
  readonly status: Status;
  /** When it was, ms since the epoch. */
  readonly now: number;
}

/** One pass that has come to its end. */
export interface Pass {
  readonly durationMs: number;
  /** Absent when the host could not be looked at, or the record not be written. */
  readonly look?: Look;
  /** How many devices, domains and parts of the pass itself wait for their next try after a failure. */
  readonly backingOff: number;
}
