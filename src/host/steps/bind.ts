import type { BindStep } from '../../plan/step.ts';
import type { Dom0 } from '../dom0.ts';
import { PCIBACK } from '../sysfs/sysfs.ts';
import { lookAt, refusal, requireCard, requireFree } from './checks.ts';
import { unlessStarting } from './step-lock.ts';

/**
 * host to assignable, through xl: it notes the driver and puts the device into the IOMMU's quarantine.
 * @throws {HostError}
 */
export async function bind(
  dom0: Dom0,
  { device: address, card, allow = [] }: BindStep,
  signal: AbortSignal,
): Promise<void> {
  await unlessStarting(dom0, address, signal, async () => {
    const look = await lookAt(dom0, address, signal);
    requireCard(card, look);
    requireFree(look);
    if (look.device.driver === PCIBACK) throw refusal(`${address} is bound to ${PCIBACK} already`);
    // What is mounted or configured since the plan was made would be lost.
    const uses = (await dom0.uses.read([look.device])).get(address) ?? [];
    const use = uses.find(({ guard }) => !allow.includes(guard));
    if (use !== undefined) throw refusal(`dom0 uses ${address}: ${use.text}`);
    await dom0.xl.assignableAdd(address, signal);
  });
}
