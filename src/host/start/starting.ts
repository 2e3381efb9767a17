import { HostError } from '../../controller/ports.ts';
import type { Observed, ObservedDevice } from '../../plan/observed.ts';
import type { StartDevice } from '../../plan/start.ts';
import { readBootId } from '../boot-id.ts';
import { type Dom0, xenstoreView } from '../dom0.ts';
import { combineDevices } from '../look/combine-devices.ts';
import { combineDomains } from '../look/combine-domains.ts';
import { readSysfs } from '../look/observe.ts';
import { lookAt, requireFree } from '../steps/checks.ts';
import { refilter } from '../steps/rebind.ts';
import { PciIds } from '../sysfs/pci-ids.ts';
import { PCIBACK } from '../sysfs/sysfs.ts';
import { XenbusState } from '../xenstore/pci-backend.ts';
import { holdersOf, type XenstoreView } from '../xenstore/view.ts';

/** Names of cards are for people who ask; here nobody does. */
const NO_NAMES = new PciIds('');

/**
 * One look without libvirt, which answers nobody while it starts a domain. Every domain is shown as one of xl's, and a
 * device that somebody is letting go of, or taking, as not settled.
 * @throws {HostError} Unreachable when a part cannot be read.
 */
export async function observeForStart(dom0: Dom0, signal: AbortSignal): Promise<Observed> {
  const [bootId, iommu, xenstore, { sysfs, uses }, unfiltered] = await Promise.all([
    readBootId(dom0.layout),
    dom0.iommu.read(signal),
    xenstoreView(dom0, signal),
    readSysfs(dom0),
    dom0.sysfs.permissive(),
  ]);
  const domains = combineDomains(xenstore, []);
  const devices = combineDevices({ xenstore, libvirt: [], sysfs, uses, unfiltered }, domains, NO_NAMES);
  const inMotion = [...devices].map(([address, device]) => [address, withMotion(device, xenstore)] as const);
  return { bootId, domains, devices: new Map(inMotion), iommu };
}

/** The toolstack's mark goes last, after the backend's entry; a backend that closes takes all its devices with it. */
function withMotion(device: ObservedDevice, xenstore: XenstoreView): ObservedDevice {
  if (device.place.at === 'guest') {
    const closing = holdersOf(xenstore, device.address).some(
      ({ backend: { state } }) => state === XenbusState.Closing || state === XenbusState.Closed,
    );
    return closing ? { ...device, settled: false } : device;
  }
  const domid = xenstore.marks.get(device.address)?.domid;
  const marked = domid === undefined ? undefined : xenstore.domains.get(domid);
  if (marked === undefined) return device;
  return { ...device, place: { at: 'guest', domid: marked.domid, domain: marked.name }, settled: false };
}

/**
 * Makes a device ready for a domain that is about to be created with it: on pciback, in quarantine, and without the
 * write access that an earlier guest may have had.
 * @throws {HostError} PreconditionFailed when a guest has it by now; what xl says.
 */
export async function makeReady(dom0: Dom0, { device, permissive }: StartDevice, signal: AbortSignal): Promise<void> {
  const look = await lookAt(dom0, device, signal);
  requireFree(look);
  if (look.device.driver !== PCIBACK) await dom0.xl.assignableAdd(device, signal);
  else if (!permissive) await refilter(dom0, device, signal);
}

/** What shows in xenstore that a device has been let go of. */
const WATCHED = ['/local/domain/0/backend/pci', '/libxl/pci', '@releaseDomain'];

/**
 * Calls `body` with a function that waits for the next change of who has what, those included that came meanwhile.
 * @throws {HostError} Unreachable when xenstore cannot be watched; what `body` throws.
 */
export async function watchingHolders<T>(
  dom0: Dom0,
  signal: AbortSignal,
  body: (changed: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const client = await dom0.xenstore.client();
  let isChanged = false;
  let wake = (): void => undefined;
  const ring = (): void => {
    isChanged = true;
    wake();
  };
  const changed = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        wake = () => undefined;
        isChanged = false;
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      if (isChanged || signal.aborted) return done();
      wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  const watches = await Promise.all(WATCHED.map(path => client.watch(path, ring, { signal }))).catch(
    (error: unknown): never => {
      signal.throwIfAborted();
      throw new HostError('Unreachable', `cannot watch xenstore: ${String(error)}`, { cause: error });
    },
  );
  try {
    return await body(changed);
  } finally {
    await Promise.all(watches.map(watch => watch.close()));
  }
}
