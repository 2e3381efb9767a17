import type { Address } from '../../api/address.ts';
import type { RebindStep } from '../../plan/step.ts';
import type { Dom0 } from '../dom0.ts';
import { PCIBACK } from '../sysfs/sysfs.ts';
import { lookAt, refusal, requireCard, requireFree } from './checks.ts';
import { unassign } from './release.ts';
import { unlessStarting } from './step-lock.ts';

/**
 * Takes an assignable device from pciback and gives it back: pciback forgets that a device was permissive for an earlier
 * guest only when it loses the device.
 * @throws {HostError}
 */
export async function rebind(dom0: Dom0, { device: address, card }: RebindStep, signal: AbortSignal): Promise<void> {
  await unlessStarting(dom0, address, signal, async () => {
    const look = await lookAt(dom0, address, signal);
    requireCard(card, look);
    requireFree(look);
    if (look.device.driver !== PCIBACK) throw refusal(`${address} is not bound to ${PCIBACK}`);
    await refilter(dom0, address, signal);
  });
}

/**
 * Makes pciback filter what a guest writes to a device's config space, if it does not. The device must be free.
 * @throws {HostError}
 */
export async function refilter(dom0: Dom0, address: Address, signal: AbortSignal): Promise<void> {
  if (!(await dom0.sysfs.permissive()).has(address)) return;
  await unassign(dom0, address, false, signal);
  await dom0.xl.assignableAdd(address, signal);
}
