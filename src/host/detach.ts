import { HostError } from '../controller/ports.ts';
import type { DetachStep } from '../plan/step.ts';
import { lookAt, refusal, requireHeldBy, requireRunning } from './checks.ts';
import { hostdevOf, sharesGuestSlot } from './definition.ts';
import type { Dom0 } from './dom0.ts';
import { callLibvirt, runningDomain } from './libvirt-call.ts';
import { afterChange, untilIdle } from './settle.ts';

/**
 * guest to assignable.
 * @throws {HostError}
 */
export async function detach(dom0: Dom0, step: DetachStep, signal: AbortSignal): Promise<void> {
  const { device: address, guest, via } = step;
  await untilIdle(dom0, guest, signal);
  const look = await lookAt(dom0, address, signal);
  requireRunning(guest, look.xenstore);
  requireHeldBy(guest, look);
  if (via === 'xl') await dom0.xl.detach(guest.domid, address, signal);
  else await detachThroughLibvirt(dom0, step, signal);
  await afterChange(dom0, guest, signal);
}

/**
 * A detach that fails makes libvirt's Xen driver free what it goes on using (libxlDomainDetachHostPCIDevice, 9.0 to
 * 11.3), so all that is known to make it fail is checked before it is asked.
 */
async function detachThroughLibvirt(dom0: Dom0, step: DetachStep, signal: AbortSignal): Promise<void> {
  const { device: address, guest } = step;
  const domain = await runningDomain(dom0, guest, signal);
  const xml = await callLibvirt(dom0, signal, client => client.domainXml(domain, { signal }));
  const element = hostdevOf(xml, address);
  if (element === undefined) throw refusal(`libvirt does not know that ${guest.name} has ${address}`);
  if (sharesGuestSlot(xml, address)) {
    throw refusal(
      `${address} is one of several functions of a slot in ${guest.name}, which libvirt cannot take singly`,
    );
  }
  try {
    await callLibvirt(dom0, signal, client => client.detachDevice(domain, element, { live: true, signal }));
  } catch (error) {
    if (!(error instanceof HostError && error.code === 'StepFailed')) throw error;
    const advice = 'libvirt may be wrong about this domain now; restarting libvirtd cures that and harms no guest';
    throw new HostError(error.code, `${error.message}; ${advice}`, { cause: error });
  }
}
