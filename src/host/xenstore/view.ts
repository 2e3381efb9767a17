import type { Address } from '../../api/address.ts';
import { HostError } from '../../controller/ports.ts';
import { grouped, lookup } from '../../plan/lookup.ts';
import { XenstoreError } from '../../xenstore-client/index.ts';
import { errorText } from '../small-file.ts';
import {
  listDomains,
  type PciMark,
  readNodes,
  type XenDomain,
  type XenstoreNodes,
  type XenstoreReader,
} from './nodes.ts';
import { type BackendDevice, isLeftover, type PciBackend } from './pci-backend.ts';

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
    return await viewOf(found, domid => source.isDomainIntroduced(domid, { signal }));
  } catch (error) {
    if (error instanceof HostError) throw error;
    signal.throwIfAborted();
    const conflict = error instanceof XenstoreError && error.code === 'EAGAIN';
    throw conflict ? neverStill(error) : unreadable(errorText(error), error);
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

/**
 * The view that nodes come to.
 * @param isIntroduced Xen's own word, given after the nodes were read: whoever is gone by then holds nothing, whatever was
 *   written.
 */
export async function viewOf(
  found: XenstoreNodes,
  isIntroduced: (domid: number) => Promise<boolean>,
): Promise<XenstoreView> {
  const ids = new Set([...found.domains.map(domain => domain.domid), ...found.backends.map(({ domid }) => domid)]);
  const alive = new Set<number>();
  const ask = async (domid: number): Promise<void> => {
    if (await isIntroduced(domid)) alive.add(domid);
  };
  await Promise.all([...ids].map(ask));
  const domains = new Map(found.domains.flatMap(domain => (alive.has(domain.domid) ? [[domain.domid, domain]] : [])));
  const serving = (backend: PciBackend): PciBackend => {
    const target = domains.get(backend.domid)?.target;
    return target === undefined ? backend : { ...backend, domid: target };
  };
  return {
    domains,
    backends: found.backends.filter(backend => alive.has(backend.domid)).map(serving),
    stale: found.backends.filter(backend => !alive.has(backend.domid)),
    marks: found.marks,
  };
}

/** One guest that has a device. */
export interface Holder {
  readonly domid: number;
  readonly backend: PciBackend;
  readonly device: BackendDevice;
}

/**
 * The guests that have a device. More than one means that xenstore contradicts itself. The mark goes last: as long as
 * there is one, a device that its guest has let go of is still being taken from it.
 */
export function holdersOf({ backends, domains, marks }: XenstoreView, address: Address): Holder[] {
  return (entriesOf(backends).get(address) ?? []).filter(({ domid, backend, device }) => {
    const isMarked = marks.get(address)?.domid === domid;
    return isMarked || !isLeftover(backend, device, domains.get(domid)?.type);
  });
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
