import type { GuestUnbind } from '../../api/manifest.ts';
import { filled, type Placeholder, placeholdersOf } from '../../api/placeholders.ts';
import { HostError } from '../../controller/ports.ts';
import type { DetachStep } from '../../plan/step.ts';
import { CommandError, runCommand } from '../command.ts';
import type { Dom0 } from '../dom0.ts';
import { guestAddress } from '../xenstore/pci-backend.ts';
import { holdersOf } from '../xenstore/view.ts';
import { type DeviceLook, refusal } from './checks.ts';
import { watchGuestEnd } from './guest-end.ts';

/** Bytes kept of what the command writes, and characters of that which a message shows. */
const OUTPUT_MAX = 16_384;
const SHOWN_MAX = 500;

/** The command with its placeholders filled in. */
interface Call {
  readonly program: string;
  readonly args: readonly string[];
  readonly input?: string;
}

/**
 * Makes the guest let go of a device, as the policy says, and waits for it. The command may be run again after it has
 * succeeded, when the detach fails.
 * @param remark told of a failure that the policy puts up with.
 * @throws {HostError} StepFailed or DeadlineExceeded with the command's words, unless the policy puts up with it;
 *   PreconditionFailed when the guest ends meanwhile, which ends the command; the reason of `signal`.
 */
export async function letGo(
  dom0: Dom0,
  { device, guest }: DetachStep,
  unbind: GuestUnbind,
  look: DeviceLook,
  remark: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const watch = await watchGuestEnd(dom0, guest.domid, () => ended.abort(), signal);
  try {
    const call = callOf(unbind, valuesOf(device, guest, look));
    await run(call, unbind.timeoutSeconds, AbortSignal.any([signal, ended.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (ended.signal.aborted) throw refusal(`${guest.name} ended while it was told to let go of ${device}`);
    if (!(error instanceof HostError)) throw error;
    if (unbind.onFailure === 'Proceed') return remark(`${error.message}; detached all the same (onFailure: Proceed)`);
    throw new HostError(error.code, `${error.message}; ${device} stays with ${guest.name}`, { cause: error });
  } finally {
    await watch.close();
  }
}

function valuesOf(
  device: DetachStep['device'],
  { name, uuid, domid }: DetachStep['guest'],
  { xenstore }: DeviceLook,
): Readonly<Record<Placeholder, string | undefined>> {
  const holder = holdersOf(xenstore, device).find(each => each.domid === domid);
  const guestDevice = holder && guestAddress(holder.device, xenstore.domains.get(domid)?.type);
  const guestSlot = guestDevice?.replace(/^[^:]*:/, '');
  return { domain: name, uuid, domid: String(domid), device, guestDevice, guestSlot };
}

/** @throws {HostError} StepFailed when a placeholder has no value, or the guest's name would be taken for an option. */
function callOf({ command, input }: GuestUnbind, values: Readonly<Record<Placeholder, string | undefined>>): Call {
  const unknown = [...command, input ?? ''].flatMap(placeholdersOf).find(word => values[word] === undefined);
  if (unknown !== undefined) {
    throw new HostError(
      'StepFailed',
      `guestUnbind: {${unknown}} is not known, since xenstore does not show where the guest sees it`,
    );
  }
  const known = values as Readonly<Record<Placeholder, string>>;
  const [program = '', ...args] = command.map(word => filled(word, known));
  const option = args.find((word, index) => word.startsWith('-') && command[index + 1]?.startsWith('-') === false);
  if (option !== undefined) {
    throw new HostError(
      'StepFailed',
      `guestUnbind: ${JSON.stringify(option)} would be taken for an option by ${program}`,
    );
  }
  return { program, args, ...(input === undefined ? {} : { input: filled(input, known) }) };
}

async function run({ program, args, input }: Call, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
  const label = `guestUnbind (${[program, ...args].join(' ')})`;
  const options = { deadlineMs: timeoutSeconds * 1_000, outputMax: OUTPUT_MAX, signal };
  try {
    const { exitCode, ...output } = await runCommand(program, args, {
      ...options,
      ...(input === undefined ? {} : { input }),
    });
    if (exitCode !== 0)
      throw new HostError('StepFailed', `${label} failed with exit code ${exitCode}${wordsOf(output)}`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const late = error.reason === 'DeadlineExceeded';
    const message = late
      ? `${label} did not end within ${timeoutSeconds} s and was ended`
      : `guestUnbind: ${error.message}`;
    throw new HostError(late ? 'DeadlineExceeded' : 'StepFailed', `${message}${wordsOf(error.output)}`, {
      cause: error,
    });
  }
}

/** The end of what the command said, since that is where errors are; standard error before standard output. */
function wordsOf({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): string {
  const said = stderr.trim() === '' ? stdout.trim() : stderr.trim();
  const shown = said.length <= SHOWN_MAX ? said : `...${said.slice(-SHOWN_MAX)}`;
  return shown === '' ? '' : `; it said: ${shown.split(/\s*\n\s*/).join('; ')}`;
}
