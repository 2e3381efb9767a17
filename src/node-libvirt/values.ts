import {
  type DomainRef,
  type DomainStateName,
  type LifecycleEventName,
  lifecycleEvents,
  nameOf,
  type WireLifecycleEvent,
} from './types.ts';

export interface DomainState {
  readonly state: DomainStateName;
  /** How it came there: numbered per state in libvirt-domain.h. */
  readonly reason: number;
}

export interface LifecycleEvent {
  readonly domain: DomainRef;
  readonly event: LifecycleEventName;
  /** Why: numbered per event in libvirt-domain.h. */
  readonly detail: number;
}

/** A version as libvirt numbers it. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly release: number;
}

/** Splits libvirt's version number, major * 1,000,000 + minor * 1,000 + release. */
export function versionOf(number: bigint): Version {
  return {
    major: Number(number / 1_000_000n),
    minor: Number((number / 1_000n) % 1_000n),
    release: Number(number % 1_000n),
  };
}

/** A lifecycle event with its name instead of its number. */
export function lifecycleEventOf({ domain, event, detail }: WireLifecycleEvent): LifecycleEvent {
  return { domain, event: nameOf(lifecycleEvents, event), detail };
}
