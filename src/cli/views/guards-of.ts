import { isOff, standingGuards } from '../../plan/guards.ts';
import type { Hold } from '../../plan/hold.ts';
import type { ObservedDevice } from '../../plan/observed.ts';
import { standingSplit } from '../../plan/shared-slot.ts';
import type { Survey } from '../looks/survey.ts';

/** A guard that keeps a device with the host, and whether the policy switches it off. */
export interface DeviceGuard extends Hold {
  readonly off: boolean;
}

/** Every guard that holds for a device, also for one that no manifest names: what would be refused, before it is asked for. */
export function guardsOf({ observed, source, plan }: Survey, device: ObservedDevice): DeviceGuard[] {
  const situation = { observed, source };
  const claims = plan.entries.flatMap(entry => entry.claims);
  const claim = claims.find(candidate => candidate.address === device.address);
  const split = standingSplit(device.address, claims, situation);
  const all = [...standingGuards(device, claim, situation), ...(split === undefined ? [] : [split])];
  return all.map(guard => ({ ...guard, off: isOff(guard.reason, source.policy) }));
}
