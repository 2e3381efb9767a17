import { HostError } from '../../controller/ports.ts';
import type { DomainRef } from '../../node-libvirt/index.ts';
import type { DetachStep } from '../../plan/step.ts';
import type { Dom0 } from '../dom0.ts';
import { callLibvirt, runningDomain } from '../libvirt/call.ts';
import { hostdevOf, sharesGuestSlot } from '../libvirt/definition.ts';
import { PCIBACK } from '../sysfs/sysfs.ts';
import { type DeviceLook, lookAt, refusal, requireHeldBy, requireInsertion, requireRunning } from './checks.ts';
import { letGo } from './guest-unbind.ts';
import { afterChange, untilIdle } from './settle.ts';

/** What libvirt is to be asked. */
interface LibvirtDetach {
  readonly domain: DomainRef;
  /** The whole hostdev element as libvirt has it. */
  readonly element: string;
}

/**
 * guest to assignable. Where the policy has the guest let go first, everything is checked before that, so that no guest
 * loses a device in vain, and once more after it, since that may have taken long.
 * @param remark told what went wrong and was put up with.
 * @throws {HostError}
 */
export async function detach(
  dom0: Dom0,
  step: DetachStep,
  remark: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { guest, unbind } = step;
  await untilIdle(dom0, guest, signal);
  let ready = await prepare(dom0, step, signal);
  if (unbind !== undefined) {
    await letGo(dom0, step, unbind, ready.look, remark, signal);
    ready = await prepare(dom0, step, signal);
  }
  if (ready.libvirt === undefined) await dom0.xl.detach(guest.domid, step.device, step.force === true, signal);
  else await detachThroughLibvirt(dom0, ready.libvirt, signal);
  await afterChange(dom0, guest, signal);
}

/**
 * A detach that fails makes libvirt's Xen driver free what it goes on using (libxlDomainDetachHostPCIDevice, 9.0 to
 * 11.3), so all that is known to make it fail is checked before it is asked.
 */
async function prepare(
  dom0: Dom0,
  { device: address, guest, via, insertion }: DetachStep,
  signal: AbortSignal,
): Promise<{ readonly look: DeviceLook; readonly libvirt?: LibvirtDetach }> {
  const look = await lookAt(dom0, address, signal);
  requireRunning(guest, look.xenstore);
  requireHeldBy(guest, look);
  // Pulled out of the guest and put back: libxl would reset it under dom0's driver, or jam the guest's bus for good.
  requireInsertion(insertion, guest, look);
  if (look.device.driver !== PCIBACK) throw refusal(`${address} is not bound to ${PCIBACK}`);
  // It could not let go, and libxl would leave an entry behind that jams its PCI bus for good.
  const rest = await dom0.xl.restOf(guest.domid, signal);
  if (rest === 'paused') throw refusal(`${guest.name} is paused; resume it`);
  if (rest === 'down') throw refusal(`${guest.name} is asleep or has ended; wake it`);
  if (via === 'xl') return { look };
  const domain = await runningDomain(dom0, guest, signal);
  const xml = await callLibvirt(dom0, signal, client => client.domainXml(domain, { signal }));
  const element = hostdevOf(xml, address);
  if (element === undefined) throw refusal(`libvirt does not know that ${guest.name} has ${address}`);
  if (sharesGuestSlot(xml, address)) {
    throw refusal(
      `${address} is one of several functions of a slot in ${guest.name}, which libvirt cannot take singly`,
    );
  }
  return { look, libvirt: { domain, element } };
}

async function detachThroughLibvirt(
  dom0: Dom0,
  { domain, element }: LibvirtDetach,
  signal: AbortSignal,
): Promise<void> {
  try {
    await callLibvirt(dom0, signal, client => client.detachDevice(domain, element, { live: true, signal }));
  } catch (error) {
    if (!(error instanceof HostError && error.code === 'StepFailed')) throw error;
    const advice = 'libvirt may be wrong about this domain now; restarting libvirtd cures that and harms no guest';
    throw new HostError(error.code, `${error.message}; ${advice}`, { cause: error });
  }
}
