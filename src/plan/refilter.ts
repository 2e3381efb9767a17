import type { Claim } from './claims.ts';
import type { ObservedDevice } from './observed.ts';
import type { Situation } from './situation.ts';
import { onItsWay } from './want.ts';

/**
 * Whether pciback is to forget that a device was permissive for an earlier guest, once the device rests there. A dead card
 * is not bound anew, and none that somebody is just giving to a guest or taking from one.
 */
export function isToForget(device: ObservedDevice, claim: Claim | undefined, situation: Situation): boolean {
  if (device.unfiltered !== true || device.dead !== undefined || claim?.entry.permissive === true) return false;
  return onItsWay(device, situation) === undefined;
}
