import { HostError } from '../../controller/ports.ts';
import type { Step } from '../../plan/step.ts';
import type { Dom0 } from '../dom0.ts';
import { XmlError } from '../libvirt/xml.ts';
import { attach } from './attach.ts';
import { bind } from './bind.ts';
import { configure } from './configure.ts';
import { detach } from './detach.ts';
import { rebind } from './rebind.ts';
import { release } from './release.ts';

/**
 * Takes one step, after a fresh look at what it is about. Returning is no proof that it was done.
 * @param remark told what went wrong on the way and was put up with, as the policy has it.
 * @throws {HostError} PreconditionFailed when the world is no longer as the step assumes; StepFailed with the
 *   toolstack's words; DeadlineExceeded; Unreachable. Otherwise the reason of `signal`.
 */
export async function perform(
  dom0: Dom0,
  step: Step,
  signal: AbortSignal,
  remark: (text: string) => void = () => undefined,
): Promise<void> {
  signal.throwIfAborted();
  try {
    await take(dom0, step, remark, signal);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    throw new HostError('Unreachable', `cannot understand libvirt: ${error.message}`, { cause: error });
  }
}

function take(dom0: Dom0, step: Step, remark: (text: string) => void, signal: AbortSignal): Promise<void> {
  switch (step.verb) {
    case 'bind':
      return bind(dom0, step, signal);
    case 'rebind':
      return rebind(dom0, step, signal);
    case 'release':
      return release(dom0, step, signal);
    case 'attach':
      return attach(dom0, step, signal);
    case 'detach':
      return detach(dom0, step, remark, signal);
    case 'configure':
      return configure(dom0, step, signal);
  }
}
