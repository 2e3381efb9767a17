import type { Address } from '../../api/address.ts';
import { HostError } from '../../controller/ports.ts';
import type { DomainRef } from '../../node-libvirt/index.ts';
import type { Observed, ObservedDomain } from '../../plan/observed.ts';
import { readBootId } from '../boot-id.ts';
import { type Dom0, xenstoreView } from '../dom0.ts';
import { createdWithPassthrough } from '../libvirt/userdata.ts';
import { connectLibvirt, type LibvirtDomain, readLibvirt } from '../libvirt/view.ts';
import { isHookInForce } from '../start/hook-mark.ts';
import { readStartMarks } from '../start/start-marks.ts';
import type { PciIds } from '../sysfs/pci-ids.ts';
import type { SysfsDevice } from '../sysfs/sysfs.ts';
import { combineDevices } from './combine-devices.ts';
import { combineDomains } from './combine-domains.ts';
import { type Moved, movedBetween } from './moved.ts';
import type { Views } from './views.ts';

/** How often the other views are read at most, because xenstore changed meanwhile. */
const LOOKS = 3;

/**
 * One look at the host.
 * @throws {HostError} Unreachable when any part cannot be read.
 */
export async function observe(dom0: Dom0, ids: PciIds, signal: AbortSignal): Promise<Observed> {
  const { layout } = dom0;
  const [bootId, iommu, views, hookInForce] = await Promise.all([
    readBootId(layout),
    dom0.iommu.read(signal),
    readViews(dom0, signal),
    isHookInForce(layout),
  ]);
  // After the other views: who is shut off in libvirt's eyes may have begun to start since.
  const starts = await readStartMarks(layout, Date.now());
  const combined = combineDomains(views.xenstore, views.libvirt, new Set(starts.map(({ uuid }) => uuid)));
  const domains = await Promise.all(combined.map(domain => withPassthrough(dom0, domain)));
  const devices = combineDevices(views, domains, ids);
  return { bootId, domains, devices, iommu, ...(hookInForce ? { hookInForce } : {}) };
}

/** The views that are read between two looks at xenstore. */
type OtherViews = Omit<Views, 'xenstore'>;

/**
 * Reads all views. xenstore, which is believed most, is read before and after the others; what it shows otherwise
 * afterwards may belong to another moment in them, and is read there again. On a host that never rests the last look has
 * to do: the next one follows.
 */
async function readViews(dom0: Dom0, signal: AbortSignal): Promise<Views> {
  let xenstore = await xenstoreView(dom0, signal);
  let others = await readOthers(dom0, signal);
  for (let look = 1; ; look += 1) {
    const after = await xenstoreView(dom0, signal);
    const moved = look === LOOKS ? undefined : movedBetween(xenstore, after);
    if (moved === undefined) return { xenstore: after, ...others };
    others = await readOthers(dom0, signal, unmoved(others, moved));
    xenstore = after;
  }
}

/** What was read a moment ago and still holds; nothing when absent. */
interface Still {
  readonly domain: (ref: DomainRef) => LibvirtDomain | undefined;
  readonly device: (address: Address) => SysfsDevice | undefined;
}

function unmoved({ libvirt, sysfs }: OtherViews, { domids, uuids, devices }: Moved): Still {
  const domains = new Map(libvirt.map(domain => [domain.uuid, domain]));
  const functions = new Map(sysfs.map(device => [device.address, device]));
  return {
    domain: ({ id, uuid }) => (domids.has(id) || uuids.has(uuid) ? undefined : domains.get(uuid)),
    device: address => (devices.has(address) ? undefined : functions.get(address)),
  };
}

async function readOthers(dom0: Dom0, signal: AbortSignal, still?: Still): Promise<OtherViews> {
  const [libvirt, { sysfs, uses }, unfiltered] = await Promise.all([
    readLibvirtOf(dom0, signal, still?.domain),
    readSysfs(dom0, still?.device),
    dom0.sysfs.permissive(),
  ]);
  return { libvirt, sysfs, uses, unfiltered };
}

/**
 * The functions that sysfs shows, and what dom0 uses them for.
 * @param still what is known of a function and need not be read.
 * @throws {HostError} Unreachable
 */
export async function readSysfs(
  { sysfs, uses }: Pick<Dom0, 'sysfs' | 'uses'>,
  still?: Still['device'],
): Promise<Pick<Views, 'sysfs' | 'uses'>> {
  const devices = await sysfs.list(still);
  return { sysfs: devices, uses: await uses.read(devices) };
}

async function readLibvirtOf(
  { libvirt, layout }: Dom0,
  signal: AbortSignal,
  still?: Still['domain'],
): Promise<LibvirtDomain[]> {
  try {
    await connectLibvirt(libvirt, signal);
    return await readLibvirt(libvirt, signal, still);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const message = `${error.message} (${layout.libvirtSocket}); is libvirtd running?`;
    throw new HostError(error.code, message, { cause: error });
  }
}

async function withPassthrough({ layout }: Dom0, domain: ObservedDomain): Promise<ObservedDomain> {
  const { domid, uuid, toolstack, passthrough } = domain;
  if (domid === undefined || passthrough !== 'unknown') return domain;
  return { ...domain, passthrough: await createdWithPassthrough(layout.libxlUserdata, { domid, uuid, toolstack }) };
}
