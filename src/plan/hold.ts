import type { GuardName } from '../api/guards.ts';

/**
 * Why a device is not, or not yet, where it should be. A `wait` ends when the world changes by itself or by a person's
 * hand on a domain; a `guard` refuses until the manifest or the hardware changes. Both are data, never a step.
 */
export interface Hold {
  readonly kind: 'wait' | 'guard';
  readonly reason: HoldReason;
  /** One sentence that names the fact, and what would change it. */
  readonly message: string;
}

export type HoldReason = WaitReason | GuardReason;

export type WaitReason =
  | 'DeviceMissing'
  | 'DomainNotFound'
  | 'DomainPaused'
  | 'DomainChanging'
  | 'DomainCrashed'
  | 'GuestBusClosed'
  | 'NeedsRestart'
  | 'NeedsApproval'
  | 'HeldByOther'
  | 'SharedInUse'
  | 'SlotInUse'
  | 'Drifted'
  | 'Settling'
  | 'SourceIncomplete'
  | 'Suspended'
  | 'SuspensionUnknown';

export type GuardReason = GuardName;

export function wait(reason: WaitReason, message: string): Hold {
  return { kind: 'wait', reason, message };
}

export function guard(reason: GuardReason, message: string): Hold {
  return { kind: 'guard', reason, message };
}
