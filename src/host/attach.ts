import type { Address } from '../api/address.ts';
import type { AttachStep } from '../plan/step.ts';
import { lookAt, refusal, requireFree, requireRunning } from './checks.ts';
import { hostdevXml } from './definition.ts';
import type { Dom0 } from './dom0.ts';
import { callLibvirt, runningDomain } from './libvirt-call.ts';
import { unassign } from './release.ts';
import { afterChange, untilIdle } from './settle.ts';
import { PCIBACK } from './sysfs.ts';

/**
 * assignable to guest.
 * @throws {HostError}
 */
export async function attach(dom0: Dom0, step: AttachStep, signal: AbortSignal): Promise<void> {
  const { device: address, guest, via, permissive } = step;
  await untilIdle(dom0, guest, signal);
  const look = await lookAt(dom0, address, signal);
  requireRunning(guest, look.xenstore);
  requireFree(look);
  if (look.device.driver !== PCIBACK) throw refusal(`${address} is not bound to ${PCIBACK}`);
  if (!permissive) await clearPermissive(dom0, address, signal);
  if (via === 'xl') {
    await dom0.xl.attach(guest.domid, address, permissive, signal);
  } else {
    const domain = await runningDomain(dom0, guest, signal);
    const xml = hostdevXml(address, permissive);
    await callLibvirt(dom0, signal, client => client.attachDevice(domain, xml, { live: true, signal }));
  }
  await afterChange(dom0, guest, signal);
}

/** pciback forgets that a device was permissive for an earlier guest only when it loses the device. */
async function clearPermissive(dom0: Dom0, address: Address, signal: AbortSignal): Promise<void> {
  if (!(await dom0.sysfs.permissive()).has(address)) return;
  await unassign(dom0, address, false, signal);
  await dom0.xl.assignableAdd(address, signal);
}
