import { HostError } from '../../controller/ports.ts';
import { ErrorCode, isLibvirtError } from '../../node-libvirt/index.ts';
import type { AttachStep } from '../../plan/step.ts';
import type { Dom0 } from '../dom0.ts';
import { callLibvirt, runningDomain } from '../libvirt/call.ts';
import { hostdevXml } from '../libvirt/definition.ts';
import { PCIBACK } from '../sysfs/sysfs.ts';
import { lookAt, refusal, requireCard, requireFree, requireRunning } from './checks.ts';
import { refilter } from './rebind.ts';
import { afterChange, untilIdle } from './settle.ts';

/**
 * assignable to guest.
 * @throws {HostError}
 */
export async function attach(dom0: Dom0, step: AttachStep, signal: AbortSignal): Promise<void> {
  const { device: address, guest, via, permissive, card } = step;
  await untilIdle(dom0, guest, signal);
  const look = await lookAt(dom0, address, signal);
  requireRunning(guest, look.xenstore);
  requireCard(card, look);
  requireFree(look);
  if (look.device.driver !== PCIBACK) throw refusal(`${address} is not bound to ${PCIBACK}`);
  if (!permissive) await refilter(dom0, address, signal);
  if (via === 'xl') await dom0.xl.attach(guest.domid, address, permissive, signal);
  else await attachThroughLibvirt(dom0, step, signal);
  await afterChange(dom0, guest, signal);
}

/**
 * libvirt has a list of its own of the devices in use, which nobody can read. A detach that failed leaves a device on
 * it until libvirtd restarts, and until then libvirt would refuse what by xenstore nobody has: there xl does it.
 */
async function attachThroughLibvirt(dom0: Dom0, step: AttachStep, signal: AbortSignal): Promise<void> {
  const { device: address, guest, permissive, card } = step;
  const domain = await runningDomain(dom0, guest, signal);
  const xml = hostdevXml(address, permissive);
  try {
    await callLibvirt(dom0, signal, client => client.attachDevice(domain, xml, { live: true, signal }));
  } catch (error) {
    if (!isBelievedInUse(error)) throw error;
    const look = await lookAt(dom0, address, signal);
    requireCard(card, look);
    requireFree(look);
    await dom0.xl.attach(guest.domid, address, permissive, signal);
  }
}

/**
 * By its words: other refusals with these codes are about what must not be got around (virhostdev.c, 9.0 to 11.3). That a
 * device is in the domain already is what 11.3 answered of a definition that no longer showed it, after a failed detach.
 */
function isBelievedInUse(error: unknown): boolean {
  const cause = error instanceof HostError ? error.cause : undefined;
  if (isLibvirtError(cause, ErrorCode.operationInvalid)) return / is in use\b/.test(cause.message);
  return isLibvirtError(cause, ErrorCode.operationFailed) && / already exists$/.test(cause.message);
}
