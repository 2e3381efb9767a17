import { lookup } from './lookup.ts';
import type { Observed, ObservedDevice } from './observed.ts';
import type { Plan } from './plan.ts';

/**
 * Whether a device is bound to pciback and nobody wants it: no entry and no record of ours names it, and no domain is
 * stored to start with it. It is shown, and never touched: somebody else may have put it there.
 */
export function isOrphan(device: ObservedDevice, { devices }: Plan, { domains }: Observed): boolean {
  if (!device.present || device.place.at !== 'assignable' || devices.has(device.address)) return false;
  return !storedIn(domains).has(device.address);
}

const storedIn = lookup((domains: Observed['domains']) => {
  const hostdevs = domains.flatMap(({ stored }) => stored?.hostdevs ?? []);
  return new Set(hostdevs.map(({ address }) => address));
});
