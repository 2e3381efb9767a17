import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { DeadlineError, type DomainRef, ErrorCode, isLibvirtError, LibvirtError } from '../../node-libvirt/index.ts';
import type { Guest } from '../../plan/step.ts';
import type { Dom0, LibvirtAccess } from '../dom0.ts';
import { refusal } from '../steps/checks.ts';

/**
 * Asks libvirt for something that a step needs.
 * @throws {HostError} StepFailed with libvirt's words, DeadlineExceeded, or Unreachable; the reason of `signal`.
 */
export async function callLibvirt<T>(
  { libvirt, layout }: Dom0,
  signal: AbortSignal,
  call: (client: LibvirtAccess) => Promise<T>,
): Promise<T> {
  try {
    return await call(libvirt);
  } catch (error) {
    if (error instanceof HostError) throw error;
    signal.throwIfAborted();
    if (error instanceof LibvirtError) throw new HostError('StepFailed', `libvirt: ${error.message}`, { cause: error });
    if (error instanceof DeadlineError) throw new HostError('DeadlineExceeded', error.message, { cause: error });
    const message = `libvirt does not answer at ${layout.libvirtSocket}: ${messageOf(error)}; is libvirtd running?`;
    throw new HostError('Unreachable', message, { cause: error });
  }
}

/**
 * The domain of a step, when it is still the same running instance for libvirt.
 * @throws {HostError} PreconditionFailed when it is not; as callLibvirt.
 */
export async function runningDomain(dom0: Dom0, guest: Guest, signal: AbortSignal): Promise<DomainRef> {
  const domain = await findDomain(dom0, guest, signal);
  if (domain.id !== guest.domid) {
    const now = domain.id > 0 ? `as domain ${domain.id}, not ${guest.domid}` : 'not at all';
    throw refusal(`for libvirt ${guest.name} runs ${now}`);
  }
  return domain;
}

/**
 * The domain with this UUID, whatever its name and state.
 * @throws {HostError} PreconditionFailed when libvirt does not know it; as callLibvirt.
 */
export function findDomain(
  dom0: Dom0,
  { name, uuid }: { readonly name: string; readonly uuid: string },
  signal: AbortSignal,
): Promise<DomainRef> {
  return callLibvirt(dom0, signal, async client => {
    try {
      return await client.domainByUuid(uuid, { signal });
    } catch (error) {
      if (isLibvirtError(error, ErrorCode.noDomain)) throw refusal(`libvirt does not know ${name}`);
      throw error;
    }
  });
}
