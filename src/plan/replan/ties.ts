import type { Address } from '../../api/address.ts';
import type { Identity } from '../../api/identity.ts';
import type { DeviceEntry, DomainSelector, SourcedAssignment } from '../../api/manifest.ts';
import type { Basis } from '../basis.ts';
import { isSelected } from '../claims.ts';
import { busesResetWhole, busOf, slotOf } from '../companions.ts';
import type { HeldDevice } from '../inventory.ts';
import type { ObservedDevice, ObservedDomain } from '../observed.ts';

/**
 * What couples objects that do not mention each other: selectors, which are about every device, and buses that are reset
 * as a whole.
 */
export interface Couplings {
  readonly selectors: readonly Partial<Identity>[];
  readonly buses: ReadonlySet<string>;
}

/** The couplings of a basis. */
export function couplingsOf({ observed, source }: Basis): Couplings {
  const selectors: Partial<Identity>[] = [];
  for (const { assignment } of source.assignments) {
    for (const { selector } of assignment.spec.devices) if (selector !== undefined) selectors.push(selector);
  }
  return { selectors, buses: busesResetWhole(observed.devices) };
}

// The ties of an object name all that it is and all that it mentions. What a plan decides about one object it finds by
// following such names from it, so that objects without a chain of shared ties have nothing to do with each other.

/** The ties of a device: its address and path, its slot or bus, the guest that has it, and the selectors that it fits. */
export function deviceTies(device: ObservedDevice, { selectors, buses }: Couplings): string[] {
  const { address, path, place } = device;
  const bus = busOf(address);
  return [
    deviceTie(address),
    pathTie(path),
    `slot ${slotOf(address)}`,
    ...(buses.has(bus) ? [`bus ${bus}`] : []),
    ...(place.at === 'guest' ? [instanceTie(place.domid)] : []),
    ...selectors.filter(selector => isSelected(selector, device)).map(selectorTie),
  ];
}

/** The ties of a domain: its name, UUID and running instance, and the devices of its definitions. */
export function domainTies({ name, uuid, domid, live, stored }: ObservedDomain): string[] {
  return [
    uuidTie(uuid),
    nameTie(name),
    ...(domid === undefined ? [] : [instanceTie(domid)]),
    ...live.map(({ address }) => deviceTie(address)),
    ...(stored?.hostdevs ?? []).map(({ address }) => deviceTie(address)),
  ];
}

/** The ties of an assignment: its name, its domain, and what its entries name. */
export function assignmentTies({ assignment: { metadata, spec } }: SourcedAssignment): string[] {
  return [assignmentTie(metadata.name), domainTie(spec.domain), ...spec.devices.flatMap(entryTies)];
}

/** The ties of a record: its device, the assignment that has it or had it, and the domain that it is about. */
export function recordTies({ address, assignment, domain: { name, uuid } }: HeldDevice): string[] {
  return [deviceTie(address), assignmentTie(assignment), nameTie(name), ...(uuid === undefined ? [] : [uuidTie(uuid)])];
}

function entryTies({ address, path, selector }: DeviceEntry): string[] {
  return [
    ...(address === undefined ? [] : [deviceTie(address)]),
    ...(path === undefined ? [] : [pathTie(path)]),
    ...(selector === undefined ? [] : [selectorTie(selector)]),
  ];
}

/** The tie of a device, of whatever mentions it, and of what was decided about it. */
export const deviceTie = (address: Address): string => `device ${address}`;
const pathTie = (path: string): string => `path ${path}`;
const selectorTie = (selector: Partial<Identity>): string => `selector ${JSON.stringify(selector)}`;
const assignmentTie = (name: string): string => `assignment ${name}`;
const nameTie = (name: string): string => `domain ${name}`;
const uuidTie = (uuid: string): string => `uuid ${uuid}`;
const instanceTie = (domid: number): string => `domid ${domid}`;
const domainTie = (selector: DomainSelector): string =>
  'uuid' in selector ? uuidTie(selector.uuid) : nameTie(selector.name);
