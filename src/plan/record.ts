import type { Claim } from './claims.ts';
import type { HeldDevice } from './inventory.ts';
import type { Observed, ObservedDevice } from './observed.ts';

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

/** The driver of dom0 to go back to. After a reboot the kernel may have other drivers: it is then left to choose by itself. */
export function rememberedDriver(held: HeldDevice | undefined, { bootId }: Observed): string | undefined {
  return held?.hostDriver?.bootId === bootId ? held.hostDriver.name : undefined;
}

/** Whether a device is on the host without the driver it had: whatever was on its way was cut off between two drivers. */
export function isDriverless(device: ObservedDevice, held: HeldDevice | undefined, observed: Observed): boolean {
  const isBare = device.present && device.place.at === 'host' && device.driver === undefined;
  return isBare && rememberedDriver(held, observed) !== undefined;
}

function hostDriverOf({ device, held, bootId }: Known): HeldDevice['hostDriver'] {
  if (device?.place.at !== 'host' || device.driver === undefined) return held?.hostDriver;
  if (held?.hostDriver?.name === device.driver) return held.hostDriver;
  return { name: device.driver, bootId };
}
