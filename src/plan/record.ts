import type { Claim } from './claims.ts';
import type { HeldDevice } from './inventory.ts';
import type { ObservedDevice } from './observed.ts';

/** What is known about a device when a record of it is made. */
export interface Known {
  readonly device: ObservedDevice | undefined;
  /** The record there is. */
  readonly held: HeldDevice | undefined;
  readonly bootId: string;
}

/** What has to be remembered of a device from before it is taken for a claim's domain. */
export function recordOf(
  { address, assignment, entry }: Claim,
  domain: HeldDevice['domain'],
  known: Known,
): HeldDevice {
  const { metadata, spec } = assignment.assignment;
  const hostDriver = hostDriverOf(known);
  return {
    address,
    assignment: metadata.name,
    entry: entry.name,
    domain,
    deletionPolicy: spec.deletionPolicy,
    updatePolicy: spec.updatePolicy,
    ...(hostDriver === undefined ? {} : { hostDriver }),
  };
}

function hostDriverOf({ device, held, bootId }: Known): HeldDevice['hostDriver'] {
  if (device?.place.at !== 'host' || device.driver === undefined) return held?.hostDriver;
  if (held?.hostDriver?.name === device.driver) return held.hostDriver;
  return { name: device.driver, bootId };
}
