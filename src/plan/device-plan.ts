import type { Address } from '../api/address.ts';
import type { Claim } from './claims.ts';
import type { Hold } from './hold.ts';
import type { Place } from './observed.ts';
import type { DeviceStep } from './step.ts';

/** What is to become of one device. */
export interface DevicePlan {
  readonly address: Address;
  /** The claims on it: one, or none for a device that we hold and nobody names any more, or several in conflict. */
  readonly claims: readonly Claim[];
  /** Where it is; absent when it is not on this host. */
  readonly have?: Place;
  /** Where it should be now; absent when it is not to be touched. */
  readonly want?: Place;
  /** Why it is not, or cannot yet be, where the manifests want it. */
  readonly hold?: Hold;
  /** All the steps from `have` to `want`; only the first is taken before the next look. */
  readonly steps: readonly DeviceStep[];
}
