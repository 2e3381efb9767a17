import type { PCIHostPolicy } from '../api/manifest.ts';
import { asGuest, detachVia } from './domains.ts';
import type { ObservedDevice, ObservedDomain } from './observed.ts';
import type { Standing } from './standing.ts';
import type { DetachStep } from './step.ts';

/** How often a detach has to fail before the device may be torn from its guest. */
const FAILURES_BEFORE_FORCE = 3;

/** How a device is taken from the guest that has it. */
export function detachTerms(
  device: ObservedDevice,
  holder: ObservedDomain & { readonly domid: number },
  policy: PCIHostPolicy | undefined,
  standing: Standing,
): Omit<DetachStep, 'verb' | 'device'> {
  const { guestUnbind, forceDetach = false } = policy?.spec ?? {};
  const force = forceDetach && holder.type === 'hvm' && standing.failures(device.address) >= FAILURES_BEFORE_FORCE;
  return {
    guest: asGuest(holder, holder.domid),
    ...(device.insertion === undefined ? {} : { insertion: device.insertion }),
    ...(guestUnbind === undefined ? {} : { unbind: guestUnbind }),
    ...(force ? { force, via: 'xl' } : { via: detachVia(holder, device.address) }),
  };
}
