import type { Observed, ObservedDevice } from './observed.ts';
import type { Plan } from './plan.ts';

/**
 * Whether a device is bound to pciback and nobody wants it: no entry and no record of ours names it, and no domain is
 * stored to start with it. It is shown, and never touched: somebody else may have put it there.
 */
export function isOrphan(device: ObservedDevice, { devices }: Plan, { domains }: Observed): boolean {
  if (!device.present || device.place.at !== 'assignable' || devices.has(device.address)) return false;
  return !domains.some(({ stored }) => stored?.hostdevs.some(entry => entry.address === device.address) === true);
}
