import type { Address } from '../../api/address.ts';
import type { ReleaseStep } from '../../plan/step.ts';
import type { Dom0 } from '../dom0.ts';
import { PCIBACK } from '../sysfs/sysfs.ts';
import { bindDriver, clearOverride, probeDrivers } from '../sysfs/write.ts';
import { XlError } from '../xl/xl.ts';
import { lookAt, refusal, requireFree } from './checks.ts';
import { unlessStarting } from './step-lock.ts';

/**
 * assignable to host, through xl: given back in any other way, the device stays in quarantine and fails in dom0. What was
 * cut off after the device had left pciback goes on from there: xl takes it out of quarantine first.
 * @throws {HostError}
 */
export function release(dom0: Dom0, step: ReleaseStep, signal: AbortSignal): Promise<void> {
  return unlessStarting(dom0, step.device, signal, () => giveBack(dom0, step, signal));
}

async function giveBack(dom0: Dom0, { device: address, driver }: ReleaseStep, signal: AbortSignal): Promise<void> {
  const look = await lookAt(dom0, address, signal);
  requireFree(look);
  const { driver: current } = look.device;
  if (current !== undefined && current !== PCIBACK) throw refusal(`${address} is not bound to ${PCIBACK}`);
  const { sysfs } = dom0.layout;
  await clearOverride(sysfs, address);
  if (current === PCIBACK) await unassign(dom0, address, true, signal);
  // xl does not know the driver of a device that came to pciback by other means.
  const after = await dom0.sysfs.device(address);
  if (after === undefined || after.driver !== undefined) return;
  if (driver === undefined) await probeDrivers(sysfs, address);
  else await bindDriver(sysfs, address, driver);
}

/**
 * Takes a device from pciback. xl refuses one that is not in quarantine, as after `virsh nodedev-detach` or when it was
 * hidden at boot; making it assignable once more puts it there.
 */
export async function unassign(dom0: Dom0, address: Address, rebind: boolean, signal: AbortSignal): Promise<void> {
  try {
    await dom0.xl.assignableRemove(address, rebind, signal);
  } catch (error) {
    if (!(error instanceof XlError && error.remarks.includes('NotQuarantined'))) throw error;
    await dom0.xl.assignableAdd(address, signal);
    await dom0.xl.assignableRemove(address, rebind, signal);
  }
}
