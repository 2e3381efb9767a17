import type { ObservedDomain } from '../../plan/observed.ts';
import { isSetForPassthrough } from '../libvirt/definition.ts';
import type { LibvirtDomain } from '../libvirt/view.ts';
import type { XenDomain } from '../xenstore/nodes.ts';
import type { XenstoreView } from '../xenstore/view.ts';

/**
 * All domains, whoever made them: libvirt's, and those that only xenstore shows. Stub domains are parts of their guests.
 * `passthrough` is `on` where a view proves it and otherwise, for a running domain, left `unknown`.
 * @param starting UUIDs of domains whose start libvirt's hook has prepared: Xen may not show them yet.
 */
export function combineDomains(
  xenstore: XenstoreView,
  libvirt: readonly LibvirtDomain[],
  starting: ReadonlySet<string> = NOBODY,
): ObservedDomain[] {
  const guests = [...xenstore.domains.values()].filter(domain => domain.target === undefined);
  const known = new Set(libvirt.map(({ uuid }) => uuid));
  const byXl = guests.flatMap(guest => (guest.uuid === undefined || known.has(guest.uuid) ? [] : [xlDomain(guest)]));
  const domains = [...libvirt.map(domain => libvirtDomain(domain, guests, starting)), ...byXl];
  return domains.map(domain => ({ ...domain, passthrough: provenPassthrough(domain, xenstore) }));
}

const NOBODY: ReadonlySet<string> = new Set();

/** Where libvirt and xenstore differ about which instance runs, the domain is starting or stopping. */
function libvirtDomain(
  domain: LibvirtDomain,
  guests: readonly XenDomain[],
  starting: ReadonlySet<string>,
): ObservedDomain {
  const instances = guests.filter(guest => guest.uuid === domain.uuid);
  const instance = instances.find(guest => guest.domid === domain.domid) ?? instances[0];
  const domid = instance?.domid ?? domain.domid;
  const { name, uuid, live, stored } = domain;
  const isSteady = instance?.domid === domain.domid && (domid !== undefined || !starting.has(uuid));
  return {
    name,
    uuid,
    ...(domid === undefined ? {} : { domid }),
    state: isSteady ? domain.state : 'changing',
    ...(domain.crashed === true && instance !== undefined ? { crashed: true } : {}),
    toolstack: 'libvirt',
    persistent: stored !== undefined,
    type: (live ?? stored)?.type ?? instance?.type ?? 'pv',
    passthrough: live?.passthrough === true ? 'on' : 'unknown',
    live: live?.hostdevs ?? [],
    ...(stored === undefined
      ? {}
      : { stored: { hostdevs: stored.hostdevs, passthrough: isSetForPassthrough(stored) } }),
  };
}

function xlDomain({ domid, name, uuid = '', type = 'pv' }: XenDomain): ObservedDomain {
  return {
    name,
    uuid,
    domid,
    state: 'running',
    toolstack: 'xl',
    persistent: false,
    type,
    passthrough: 'unknown',
    live: [],
  };
}

/** A domain that has a device, or that libvirt believes to have one, was created with passthrough. */
function provenPassthrough(domain: ObservedDomain, { backends }: XenstoreView): ObservedDomain['passthrough'] {
  const has = backends.some(({ domid, devices }) => domid === domain.domid && devices.length > 0);
  return has || domain.live.length > 0 ? 'on' : domain.passthrough;
}
