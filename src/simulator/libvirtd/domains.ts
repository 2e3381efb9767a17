import { type DomainRef, domainStates, type WireDomainState } from '../../node-libvirt/index.ts';
import type { Domain, Instance } from '../model/domain.ts';
import type { Libvirt } from '../model/libvirt.ts';
import { operationInvalid } from '../model/refusal.ts';
import { formatDomain } from './domain-xml.ts';

/** libvirt lists dom0 as well. */
const DOMAIN_0: DomainRef = { name: 'Domain-0', uuid: '00000000-0000-0000-0000-000000000000', id: 0 };

/** What names a domain on the wire. */
export function refOf({ name, uuid, instance }: Domain): DomainRef {
  return { name, uuid, id: instance?.domid ?? -1 };
}

/** The domain that a client means: libvirt goes by the UUID. @throws {LibvirtRefusal} */
export function resolve(libvirt: Libvirt, { name, uuid }: DomainRef): Domain {
  return libvirt.lookup(domain => domain.uuid === uuid, `uuid '${uuid}' (${name})`);
}

/** virConnectListAllDomainsFlags: within a group any flag fits, and a group without flags fits all. */
const Flag = { active: 1, inactive: 2, persistent: 4, transient: 8, running: 16, paused: 32, shutoff: 64, other: 128 };
const GROUPS: readonly number[] = [
  Flag.active | Flag.inactive,
  Flag.persistent | Flag.transient,
  Flag.running | Flag.paused | Flag.shutoff | Flag.other,
];

/** The domains that the flags select. */
export function listDomains(libvirt: Libvirt, flags: number): DomainRef[] {
  const fits = (traits: number): boolean =>
    GROUPS.every(group => (flags & group) === 0 || (flags & group & traits) !== 0);
  const dom0 = fits(Flag.active | Flag.transient | Flag.running) ? [DOMAIN_0] : [];
  return [
    ...dom0,
    ...libvirt
      .domains()
      .filter(domain => fits(traitsOf(domain)))
      .map(refOf),
  ];
}

function traitsOf({ instance, stored }: Domain): number {
  const persistence = stored === undefined ? Flag.transient : Flag.persistent;
  if (instance === undefined) return Flag.inactive | Flag.shutoff | persistence;
  return Flag.active | Flag[stateNameOf(instance)] | persistence;
}

/** As the Xen driver says it: a crashed instance that is kept counts as shut off, and is listed as active. */
function stateNameOf({ crashed, believedPaused }: Instance): 'shutoff' | 'paused' | 'running' {
  if (crashed) return 'shutoff';
  return believedPaused ? 'paused' : 'running';
}

/** virDomainShutoffReason: crashed. */
const CRASHED = 3;

/** A domain's state; but for a crash, every reason is 1, the first that is not "unknown" (virDomainRunningReason and its like). */
export function stateOf({ instance }: Domain): WireDomainState {
  const name = instance === undefined ? 'shutoff' : stateNameOf(instance);
  return {
    state: domainStates.indexOf(name === 'shutoff' ? 'shutOff' : name),
    reason: instance?.crashed === true ? CRASHED : 1,
  };
}

const XML_INACTIVE = 2;

/** The definition of the running instance, or with the flag the stored one. */
export function describeDomain(libvirt: Libvirt, domain: Domain, flags: number): string {
  const { instance, stored } = domain;
  const definition = (flags & XML_INACTIVE) === 0 ? (instance?.live ?? stored) : (stored ?? instance?.live);
  if (definition === undefined) throw operationInvalid('domain has no definition');
  const id = (flags & XML_INACTIVE) === 0 ? instance?.domid : undefined;
  return formatDomain(domain, definition, libvirt.version, id);
}
