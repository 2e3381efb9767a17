import type { Address } from '../api/address.ts';
import type { Claim } from './claims.ts';
import type { Hold } from './hold.ts';
import type { Place } from './observed.ts';
import type { Bystander } from './sharing.ts';
import type { DeviceStep } from './step.ts';

/** What is to become of one device. */
export interface DevicePlan {
  readonly address: Address;
  /** The claims on it: one, none for a device that we hold and nobody names any more, or several. */
  readonly claims: readonly Claim[];
  /** The claim that `want`, `hold` and `steps` are about: of several the one whose turn it is. */
  readonly followed?: Claim;
  /** The other claims, and why they are not followed; several are in conflict, or take turns. */
  readonly others: readonly Bystander[];
  /** Where it is; absent when it is not on this host. */
  readonly have?: Place;
  /** Where it should be now; absent when it is not to be touched. */
  readonly want?: Place;
  /** Why it is not, or cannot yet be, where the manifests want it. */
  readonly hold?: Hold;
  /** All the steps from `have` to `want`; only the first is taken before the next look. */
  readonly steps: readonly DeviceStep[];
  /** The steps that are held until a person approves the first of them. */
  readonly afterApproval?: readonly DeviceStep[];
}
