import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import type { Guest } from '../../plan/step.ts';
import { type Dom0, xenstoreView } from '../dom0.ts';
import { backendPath, readBackend } from '../xenstore/nodes.ts';
import {
  backendText,
  type GuestType,
  isBusClosed,
  isClosing,
  isIdle,
  isLeftover,
  type PciBackend,
} from '../xenstore/pci-backend.ts';
import { backendDomain, type XenstoreAccess } from '../xenstore/view.ts';
import { refusal } from './checks.ts';

/** A backend that has not become idle in time, as it was last seen. */
interface Busy {
  readonly backend: PciBackend;
  readonly type: GuestType;
}

/**
 * Waits until nothing is under way on a guest's PCI backend.
 * @throws {HostError} DeadlineExceeded with what the backend shows, when that takes longer than `settleMs`;
 *   PreconditionFailed when it will not be idle again; Unreachable when xenstore cannot be read.
 */
export async function untilIdle(dom0: Dom0, guest: Guest, signal: AbortSignal): Promise<void> {
  const busy = await settle(dom0, guest.domid, signal);
  if (busy === 'idle') return;
  const { backend, type } = busy;
  const leftover = backend.devices.find(device => isLeftover(backend, device, type));
  if (leftover !== undefined) {
    throw refusal(
      `${guest.name} let go of ${leftover.address} too late for libxl; no PCI device can be given to it or taken from it until it is restarted`,
    );
  }
  if (isBusClosed(backend, type)) {
    throw refusal(`the PCI bus of ${guest.name} is closed; stop and start it before it is given a PCI device`);
  }
  const message = `an earlier change of the PCI devices of ${guest.name} has not ended: ${backendText(backend)}`;
  const kept = backend.devices.find(isClosing);
  const advice =
    kept === undefined ? '' : `; it goes on when ${guest.name} lets go of ${kept.address}, or is restarted`;
  throw new HostError('DeadlineExceeded', `${message}${advice}`);
}

/**
 * Gives a change that has been made time to show in xenstore, which can be half a second after libvirt has returned.
 * Returns after `settleMs` at the latest: whether it has come true is for the next look to say.
 * @throws {HostError} Unreachable when xenstore cannot be read.
 */
export async function afterChange(dom0: Dom0, guest: Guest, signal: AbortSignal): Promise<void> {
  await settle(dom0, guest.domid, signal);
}

async function settle(dom0: Dom0, domid: number, signal: AbortSignal): Promise<Busy | 'idle'> {
  const view = await xenstoreView(dom0, signal);
  const type = view.domains.get(domid)?.type;
  const served = { domid: backendDomain(view, domid), type };
  const client = await dom0.xenstore.client();
  try {
    const backend = await watchUntilIdle(client, served, dom0.deadlines.settleMs, signal);
    return backend === 'idle' ? 'idle' : { backend, type };
  } catch (error) {
    signal.throwIfAborted();
    throw new HostError('Unreachable', `cannot read xenstore: ${messageOf(error)}`, { cause: error });
  }
}

async function watchUntilIdle(
  client: XenstoreAccess,
  { domid, type }: { readonly domid: number; readonly type: GuestType },
  deadlineMs: number,
  signal: AbortSignal,
): Promise<PciBackend | 'idle'> {
  const bell = new Bell();
  const deadline = setTimeout(() => bell.ring('late'), deadlineMs);
  const abort = (): void => bell.ring('late');
  signal.addEventListener('abort', abort, { once: true });
  let watch: Awaited<ReturnType<XenstoreAccess['watch']>> | undefined;
  try {
    watch = await client.watch(backendPath(domid), () => bell.ring('changed'), { signal });
    for (;;) {
      const backend = await client.transaction(reader => readBackend(reader, domid), { signal });
      if (backend === undefined || isIdle(backend, type)) return 'idle';
      if ((await bell.next()) === 'late') return backend;
      signal.throwIfAborted();
    }
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', abort);
    await watch?.close();
  }
}

/** Remembers that it was rung until somebody listens. `late` is never forgotten. */
class Bell {
  #rung: 'changed' | 'late' | undefined;
  #wake: (() => void) | undefined;

  ring(why: 'changed' | 'late'): void {
    if (this.#rung !== 'late') this.#rung = why;
    this.#wake?.();
  }

  async next(): Promise<'changed' | 'late'> {
    while (this.#rung === undefined) {
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
    const why = this.#rung;
    if (why !== 'late') this.#rung = undefined;
    return why;
  }
}
