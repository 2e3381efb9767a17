import { isDeepStrictEqual } from 'node:util';
import { HostError } from '../../controller/ports.ts';
import type { Observed, ObservedDomain } from '../../plan/observed.ts';
import { readBootId } from '../boot-id.ts';
import { type Dom0, xenstoreView } from '../dom0.ts';
import { createdWithPassthrough } from '../libvirt/userdata.ts';
import { connectLibvirt, type LibvirtDomain, readLibvirt } from '../libvirt/view.ts';
import { isHookInForce } from '../start/hook-mark.ts';
import { readStartMarks } from '../start/start-marks.ts';
import type { PciIds } from '../sysfs/pci-ids.ts';
import { combineDevices } from './combine-devices.ts';
import { combineDomains } from './combine-domains.ts';
import type { Views } from './views.ts';

/** How often the look is repeated when xenstore changed while the other views were read. */
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

/**
 * Reads all views. xenstore, which is believed most, is read before and after the others; as long as it changed in
 * between, they may belong to another moment. On a host that never rests the last look has to do: the next one follows.
 */
async function readViews(dom0: Dom0, signal: AbortSignal): Promise<Views> {
  let xenstore = await xenstoreView(dom0, signal);
  for (let look = 1; ; look += 1) {
    const [libvirt, { sysfs, uses }, unfiltered] = await Promise.all([
      readLibvirtOf(dom0, signal),
      readSysfs(dom0),
      dom0.sysfs.permissive(),
    ]);
    const after = await xenstoreView(dom0, signal);
    if (look === LOOKS || isDeepStrictEqual(after, xenstore)) {
      return { xenstore: after, libvirt, sysfs, uses, unfiltered };
    }
    xenstore = after;
  }
}

/** The functions that sysfs shows, and what dom0 uses them for. @throws {HostError} Unreachable */
export async function readSysfs({ sysfs, uses }: Dom0): Promise<Pick<Views, 'sysfs' | 'uses'>> {
  const devices = await sysfs.list();
  return { sysfs: devices, uses: await uses.read(devices) };
}

async function readLibvirtOf({ libvirt, layout }: Dom0, signal: AbortSignal): Promise<LibvirtDomain[]> {
  try {
    await connectLibvirt(libvirt, signal);
    return await readLibvirt(libvirt, signal);
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
