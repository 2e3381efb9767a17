import type { Address } from '../api/address.ts';
import { HostError, type HostErrorCode } from '../controller/ports.ts';
import { CommandError, type CommandFailure, runCommand } from './command.ts';

/** What xl said beside its exit code. `NotQuarantined`: it cannot take out of quarantine what is not in it. */
export type XlRemark = 'AlreadyAssignable' | 'NoOriginalDriver' | 'NotQuarantined' | 'NoSuchDevice';

/** How libxl words its remarks (tools/libs/light/libxl_pci.c, 4.17 and 4.20; seen in the lab). */
const REMARKS: readonly (readonly [XlRemark, string])[] = [
  ['AlreadyAssignable', 'already assigned to pciback'],
  ['NoOriginalDriver', "Couldn't find path for original driver"],
  ['NotQuarantined', 'failed to de-quarantine'],
  ['NoSuchDevice', "Couldn't lstat"],
];

/** Id, memory, processors, state and time of a row of `xl list`; the name before them may be anything. */
const ROW = /\s\d+\s+\d+\s+\d+\s+([a-z-]{6})\s+\d+\.\d\s*$/;

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

  /** Whether a domain's processors are stopped, whoever has paused it: neither libvirt nor xenstore shows what xl has. */
  async isPaused(domid: number, signal: AbortSignal): Promise<boolean> {
    const { stdout } = await this.#output(['list', `${domid}`], this.#deadlines.readMs, signal);
    const states = stdout.split('\n').map(row => ROW.exec(row)?.[1]);
    const state = states.find(each => each !== undefined);
    if (state === undefined) throw new HostError('StepFailed', `xl list ${domid} does not show its state`);
    return state.includes('p');
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
      const text = `${stderr}\n${stdout}`;
      const remarks = REMARKS.flatMap(([remark, words]) => (text.includes(words) ? [remark] : []));
      if (exitCode === 0) return { stdout, remarks };
      throw new XlError(`xl ${args.join(' ')} failed with exit code ${exitCode}: ${spokenWords(stderr)}`, remarks);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      signal.throwIfAborted();
      throw new HostError(codeOf(error.reason), messageOf(error), { cause: error });
    }
  }
}

function codeOf(reason: CommandFailure): HostErrorCode {
  if (reason === 'DeadlineExceeded') return 'DeadlineExceeded';
  return reason === 'NotFound' || reason === 'NotStarted' ? 'Unreachable' : 'StepFailed';
}

function messageOf({ reason, message, output }: CommandError): string {
  if (reason === 'NotFound') return `${message}; install xen-utils`;
  const words = spokenWords(output.stderr);
  return words === '' ? message : `${message}; it said: ${words}`;
}

/** Where libxl was in its code, before what it has to say. */
const ORIGIN = /^libxl: (?:error|warning|info): libxl\w*\.c:\d+:\w+: /;

/** What libxl said, without the places in its code. The first lines name the cause, later ones only follow from it. */
function spokenWords(stderr: string): string {
  const lines = stderr.split('\n').map(line => line.replace(ORIGIN, '').trim());
  return lines
    .filter(line => line !== '')
    .slice(0, 4)
    .join('; ')
    .slice(0, 1_000);
}
