import { grouped } from '../../plan/lookup.ts';
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
  const instances = grouped(guests, ({ uuid }) => uuid);
  const domains = [
    ...libvirt.map(domain => libvirtDomain(domain, instances.get(domain.uuid) ?? [], starting)),
    ...byXl,
  ];
  const holders = new Set(xenstore.backends.flatMap(({ domid, devices }) => (devices.length > 0 ? [domid] : [])));
  return domains.map(domain => ({ ...domain, passthrough: provenPassthrough(domain, holders) }));
}

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Where libvirt and xenstore differ about which instance runs, the domain is starting or stopping.
 * @param instances the guests that xenstore shows of it.
 */
function libvirtDomain(
  domain: LibvirtDomain,
  instances: readonly XenDomain[],
  starting: ReadonlySet<string>,
): ObservedDomain {
  const instance = instances.find(guest => guest.domid === domain.domid) ?? instances[0];
  const domid = instance?.domid ?? domain.domid;
  const { name, uuid, live, stored } = domain;
  const isSteady = instance?.domid === domain.domid && (domid !== undefined || !starting.has(uuid));
  return {
    name,
    uuid,
    ...(domid === undefined ? {} : { domid }),
    state: isSteady ? domain.state : 'changing',
    ...(isSteady && domain.asleep === true ? { asleep: true } : {}),
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

/**
 * A domain that has a device, or that libvirt believes to have one, was created with passthrough.
 * @param holders the numbers of those that have one.
 */
function provenPassthrough(domain: ObservedDomain, holders: ReadonlySet<number>): ObservedDomain['passthrough'] {
  const has = domain.domid !== undefined && holders.has(domain.domid);
  return has || domain.live.length > 0 ? 'on' : domain.passthrough;
}
