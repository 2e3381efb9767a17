import type { Address } from '../../api/address.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { grouped, lookup } from '../../plan/lookup.ts';
import { XenstoreError } from '../../xenstore-client/index.ts';
import {
  listDomains,
  type PciMark,
  readNodes,
  type XenDomain,
  type XenstoreNodes,
  type XenstoreReader,
} from './nodes.ts';
import { type BackendDevice, isClosing, isLeftover, type PciBackend } from './pci-backend.ts';

/** The part of XenstoreClient that the view needs. */
export interface XenstoreSource {
  transaction<T>(
    body: (reader: XenstoreReader) => Promise<T>,
    options: { readonly maxAttempts?: number; readonly signal: AbortSignal },
  ): Promise<T>;
  isDomainIntroduced(domid: number, options?: { readonly signal: AbortSignal }): Promise<boolean>;
}

/** The part of XenstoreClient that the host needs. */
export interface XenstoreAccess extends XenstoreReader, XenstoreSource {
  /** Whether there is a connection on which every change is told before what is asked after it is answered. */
  readonly eventsInOrder: boolean;
  watch(
    path: string,
    listener: (event: { readonly path: string }) => void,
    options?: { readonly signal: AbortSignal },
  ): Promise<{ close(): Promise<void> }>;
  onDisconnect(listener: () => void): () => void;
}

/** Who has what, as dom0's toolstacks and pciback wrote it down at one moment. */
export interface XenstoreView {
  /** The guests that exist, without dom0. */
  readonly domains: ReadonlyMap<number, XenDomain>;
  /** The PCI backends of guests that exist, each under the guest it serves: a stub domain's under its target. */
  readonly backends: readonly PciBackend[];
  /** What destroyed guests left behind. It holds nothing. */
  readonly stale: readonly PciBackend[];
  readonly marks: ReadonlyMap<Address, PciMark>;
}

/** How often a look is begun anew because xenstore changed under it. */
export const ATTEMPTS = 16;

/**
 * Looks at all PCI backends, the toolstack's marks and the domains. Only nodes that dom0 alone can write are read.
 * @throws {HostError} Unreachable when xenstore cannot be read or never stands still.
 */
export async function readXenstore(source: XenstoreSource, signal: AbortSignal): Promise<XenstoreView> {
  try {
    const read = async (reader: XenstoreReader): Promise<XenstoreNodes> => readNodes(reader, await listDomains(reader));
    const found = await source.transaction(read, { maxAttempts: ATTEMPTS, signal });
    const ask = async (domid: number): Promise<number[]> =>
      (await source.isDomainIntroduced(domid, { signal })) ? [domid] : [];
    const alive = await Promise.all(named(found).map(ask));
    return viewOf(found, new Set(alive.flat()));
  } catch (error) {
    if (error instanceof HostError) throw error;
    signal.throwIfAborted();
    const conflict = error instanceof XenstoreError && error.code === 'EAGAIN';
    throw conflict ? neverStill(error) : unreadable(messageOf(error), error);
  }
}

/** The error for a xenstore that changes faster than it can be read. */
export function neverStill(cause?: unknown): HostError {
  return unreadable(`it changed during each of ${ATTEMPTS} looks`, cause);
}

/** The error for a xenstore that cannot be read. @param reason a clause. */
export function unreadable(reason: string, cause?: unknown): HostError {
  return new HostError('Unreachable', `cannot read xenstore: ${reason}`, { cause });
}

/** The domains that nodes speak of: those of which Xen has to be asked whether they exist. */
export function named({ domains, backends }: XenstoreNodes): number[] {
  const served = [...backends].flatMap(([domid, backend]) => (backend === undefined ? [] : [domid]));
  return [...new Set([...domains.keys(), ...served])];
}

/** A view with what it was made of. */
export interface Made {
  readonly found: XenstoreNodes;
  readonly alive: ReadonlySet<number>;
  readonly view: XenstoreView;
}

/**
 * The view that nodes come to.
 * @param alive Xen's own word, given after the nodes were read: whoever is gone by then holds nothing, whatever was
 *   written.
 * @param before an earlier view: parts made of the same objects are the same.
 */
export function viewOf(found: XenstoreNodes, alive: ReadonlySet<number>, before?: Made): XenstoreView {
  const isSame = before !== undefined && before.alive === alive && before.found.domains === found.domains;
  const domains = isSame ? before.view.domains : living(found.domains, alive);
  if (isSame && before.found.backends === found.backends) return { ...before.view, marks: found.marks };
  const serving = (backend: PciBackend): PciBackend => {
    const target = domains.get(backend.domid)?.target;
    return target === undefined ? backend : { ...backend, domid: target };
  };
  const all = [...found.backends.values()].filter(backend => backend !== undefined);
  return {
    domains,
    backends: all.filter(backend => alive.has(backend.domid)).map(serving),
    stale: all.filter(backend => !alive.has(backend.domid)),
    marks: found.marks,
  };
}

function living(domains: ReadonlyMap<number, XenDomain>, alive: ReadonlySet<number>): ReadonlyMap<number, XenDomain> {
  return new Map([...domains].filter(([domid]) => alive.has(domid)));
}

/** One guest that has a device. */
export interface Holder {
  readonly domid: number;
  readonly backend: PciBackend;
  readonly device: BackendDevice;
}

/**
 * The guests that have a device. More than one means that xenstore contradicts itself; the first is then the one that has
 * it by the toolstack's mark, or without a mark one from whom it is not being taken: a PV guest that does not let go of what
 * `xl` has taken from it keeps its entry, also when another one has the device. The mark goes last: as long as there is one,
 * a device that its guest has let go of is still being taken from it. Seen on Xen 4.17 and 4.20.
 */
export function holdersOf({ backends, domains, marks }: XenstoreView, address: Address): Holder[] {
  const marked = marks.get(address)?.domid;
  const holders = (entriesOf(backends).get(address) ?? []).filter(({ domid, backend, device }) => {
    return domid === marked || !isLeftover(backend, device, domains.get(domid)?.type);
  });
  const rank = ({ domid, device }: Holder): number => (domid === marked ? 0 : isClosing(device) ? 2 : 1);
  return holders.sort((a, b) => rank(a) - rank(b));
}

const entriesOf = lookup((backends: XenstoreView['backends']) =>
  grouped(
    backends.flatMap(backend => backend.devices.map((device): Holder => ({ domid: backend.domid, backend, device }))),
    ({ device }) => device.address,
  ),
);

/** The domain under whose number a guest's backend is: its stub domain where it has one. */
export function backendDomain({ domains }: XenstoreView, domid: number): number {
  return [...domains.values()].find(({ target }) => target === domid)?.domid ?? domid;
}
