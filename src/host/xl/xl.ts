import type { Address } from '../../api/address.ts';
import { HostError, type HostErrorCode } from '../../controller/ports.ts';
import { CommandError, type CommandFailure, runCommand } from '../command.ts';
import { type Rest, remarksIn, restIn, spokenWords, type XlRemark } from './output.ts';

/** xl ran and said no. */
export class XlError extends HostError {
  readonly remarks: readonly XlRemark[];

  constructor(message: string, remarks: readonly XlRemark[]) {
    super(remarks.includes('NoSuchDevice') ? 'PreconditionFailed' : 'StepFailed', message);
    this.name = 'XlError';
    this.remarks = remarks;
  }
}

/** How long xl may take, in ms. */
export interface XlDeadlines {
  /** For one answer about the host. */
  readonly readMs: number;
  /** For binding to and releasing from pciback. */
  readonly bindMs: number;
  /** For attaching to and detaching from a guest. */
  readonly attachMs: number;
}

/**
 * Xen's own toolstack program. That it ends with exit code 0 is no proof that anything was done.
 *
 * Every method throws XlError when xl says no, HostError DeadlineExceeded when it was killed for taking too long, and
 * HostError Unreachable when there is no xl.
 */
export class Xl {
  readonly #program: string;
  readonly #deadlines: XlDeadlines;

  /** @param program the path of xl. */
  constructor(program: string, deadlines: XlDeadlines) {
    this.#program = program;
    this.#deadlines = deadlines;
  }

  /** What `xl info` says of Xen and the machine. */
  async info(signal: AbortSignal): Promise<string> {
    return (await this.#output(['info'], this.#deadlines.readMs, signal)).stdout;
  }

  /** Whether a domain's processors run, whoever has stopped them: neither libvirt nor xenstore shows what xl has paused. */
  async restOf(domid: number, signal: AbortSignal): Promise<Rest> {
    const { stdout } = await this.#output(['list', `${domid}`], this.#deadlines.readMs, signal);
    const rest = restIn(stdout);
    if (rest === undefined) throw new HostError('StepFailed', `xl list ${domid} does not show its state`);
    return rest;
  }

  /** Binds a device to pciback, notes its driver and quarantines it. One that is on pciback already is quarantined. */
  assignableAdd(device: Address, signal: AbortSignal): Promise<readonly XlRemark[]> {
    return this.#run(['pci-assignable-add', device], this.#deadlines.bindMs, signal);
  }

  /** Takes a device from pciback and out of quarantine; with `rebind` back to the driver that was noted. */
  assignableRemove(device: Address, rebind: boolean, signal: AbortSignal): Promise<readonly XlRemark[]> {
    const args = rebind ? ['pci-assignable-remove', '-r', device] : ['pci-assignable-remove', device];
    return this.#run(args, this.#deadlines.bindMs, signal);
  }

  /** Gives an assignable device to a running domain. */
  attach(domid: number, device: Address, permissive: boolean, signal: AbortSignal): Promise<readonly XlRemark[]> {
    const spec = permissive ? `${device},permissive=1` : device;
    return this.#run(['pci-attach', `${domid}`, spec], this.#deadlines.attachMs, signal);
  }

  /**
   * Takes a device from a running domain.
   * @param force also when an HVM guest's device model does not answer. For a PV guest it makes no difference.
   */
  detach(domid: number, device: Address, force: boolean, signal: AbortSignal): Promise<readonly XlRemark[]> {
    const args = ['pci-detach', ...(force ? ['-f'] : []), `${domid}`, device];
    return this.#run(args, this.#deadlines.attachMs, signal);
  }

  async #run(args: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<readonly XlRemark[]> {
    return (await this.#output(args, deadlineMs, signal)).remarks;
  }

  async #output(
    args: readonly string[],
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly stdout: string; readonly remarks: readonly XlRemark[] }> {
    try {
      const { exitCode, stdout, stderr } = await runCommand(this.#program, args, { deadlineMs, signal });
      const remarks = remarksIn(`${stderr}\n${stdout}`);
      if (exitCode === 0) return { stdout, remarks };
      throw new XlError(`xl ${args.join(' ')} failed with exit code ${exitCode}: ${spokenWords(stderr)}`, remarks);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      signal.throwIfAborted();
      throw new HostError(codeOf(error.reason), withWhatItSaid(error), { cause: error });
    }
  }
}

function codeOf(reason: CommandFailure): HostErrorCode {
  if (reason === 'DeadlineExceeded') return 'DeadlineExceeded';
  return reason === 'NotFound' || reason === 'NotStarted' ? 'Unreachable' : 'StepFailed';
}

/** What went wrong, with what the program itself said of it. */
function withWhatItSaid({ reason, message, output }: CommandError): string {
  if (reason === 'NotFound') return `${message}; install xen-utils`;
  const words = spokenWords(output.stderr);
  return words === '' ? message : `${message}; it said: ${words}`;
}
