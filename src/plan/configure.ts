import { type Address, compareAddresses } from '../api/address.ts';
import { asleepHold } from './assigned.ts';
import type { Claim } from './claims.ts';
import { findDomain, isOurs } from './domains.ts';
import { deviceGuard, domainGuard, takingGuard } from './guards.ts';
import type { Inventory } from './inventory.ts';
import { grouped } from './lookup.ts';
import type { HostdevEntry, ObservedDomain } from './observed.ts';
import type { Situation } from './situation.ts';
import type { ConfigureStep } from './step.ts';
import { suspendedHold } from './suspended.ts';

/** Devices by what is to become of them. */
export interface Addresses {
  /** For every address that some entry names, whether one gives it a place now. */
  readonly placed: ReadonlyMap<Address, boolean>;
  /** It waits to be approved: a guest that restarts meanwhile must find it where it was. */
  readonly waiting: ReadonlySet<Address>;
  /** Its companions would have another owner, or a suspended assignment has it. */
  readonly split: ReadonlySet<Address>;
  /** Those of the claims whose device another domain has or gets. */
  readonly lent: ReadonlySet<Claim>;
}

/**
 * The change that a domain's stored definition needs, which may be none: it carries the devices that are to be in the
 * domain from its first instant, and passthrough, without which nothing can be attached later.
 *
 * @param claims the claims whose domain this is.
 * @param addresses what is to become of which devices: see Addresses.
 * @returns undefined where there is no stored definition that is ours to change.
 */
export function configureStep(
  domain: ObservedDomain,
  claims: readonly Claim[],
  { placed, waiting, lent, split }: Addresses,
  inventory: Inventory,
  situation: Situation,
): ConfigureStep | undefined {
  const { stored } = domain;
  if (stored === undefined || domainGuard(domain) !== undefined) return undefined;
  if (asleepHold(domain, situation) !== undefined) return undefined;
  const active = claims.filter(claim => !claim.assignment.assignment.spec.suspend);
  const fitting = active.filter(claim => startsWith(claim, lent, situation));
  // What a guard keeps from being taken now stays as it is written: it may be over before the domain starts.
  const wanted = fitting.filter(claim => !split.has(claim.address) && !isHeldBack(claim.address, situation));
  const permissive = new Map(fitting.map(claim => [claim.address, claim.entry.permissive]));
  const fits = (entry: HostdevEntry): boolean =>
    isOurs(entry) ? permissive.get(entry.address) === entry.permissive : permissive.has(entry.address);
  const present = new Set(stored.hostdevs.filter(fits).map(entry => entry.address));
  const add = wanted
    .filter(claim => !present.has(claim.address) && !waiting.has(claim.address))
    .filter(claim => situation.source.policyUnknown !== true || inventory.has(claim.address))
    .map(claim => ({ device: claim.address, permissive: claim.entry.permissive }))
    .sort((a, b) => compareAddresses(a.device, b.device));
  const mine = new Map(claims.map(claim => [claim.address, claim]));
  const remove = stored.hostdevs
    .filter(entry => isOurs(entry) && !fits(entry) && !waiting.has(entry.address))
    .filter(entry => mayRemove(entry.address, mine.get(entry.address), placed, inventory, situation))
    .map(entry => entry.address);
  // A claim in conflict must not leave a trace, in no domain.
  const passthrough = active.some(claim => claim.conflict === undefined) && !stored.passthrough;
  return { verb: 'configure', domain: { name: domain.name, uuid: domain.uuid }, add, remove, passthrough };
}

/** Whether the domain is to be started with this device. A missing one that may not be missing keeps it from starting. */
function startsWith(claim: Claim, lent: ReadonlySet<Claim>, { observed, source }: Situation): boolean {
  if (claim.conflict !== undefined) return false;
  // libvirt refuses to start with a device on its host driver: the hook takes it from there, or it comes after the start.
  if (claim.assignment.assignment.spec.whenStopped === 'Host' && observed.hookInForce !== true) return false;
  const device = observed.devices.get(claim.address);
  if (mayBeElsewhere(claim, lent)) return false;
  if (device === undefined || !device.present) return claim.entry.whenMissing === 'Fail';
  // libvirt cannot start a domain with a device that it cannot reset; xl attaches it after the start.
  return deviceGuard(claim, device, source.policy) === undefined && device.resetMethods.length > 0;
}

/**
 * Whether the domain may be started while another one has the device. libvirt refuses a definition with a device that
 * is in use, so such a device is attached after the start; one that may not be missing keeps the domain from starting.
 */
function mayBeElsewhere(claim: Claim, lent: ReadonlySet<Claim>): boolean {
  const { sharing, whenMissing } = claim.entry;
  if (sharing === 'Exclusive' || whenMissing === 'Fail') return false;
  // What is attached only by a start has to be there at the start, unless somebody else has it just then.
  return claim.assignment.assignment.spec.updatePolicy === 'Live' || lent.has(claim);
}

/** Whether a guard that can end by itself keeps the device from being taken or given. */
function isHeldBack(address: Address, situation: Situation): boolean {
  const device = situation.observed.devices.get(address);
  if (device === undefined || !device.present) return false;
  return device.dead !== undefined || takingGuard(device, situation) !== undefined;
}

/** Never by absence alone: an entry goes when the device has its place elsewhere, or when we held it and it was let go. */
function mayRemove(
  address: Address,
  mine: Claim | undefined,
  placed: ReadonlyMap<Address, boolean>,
  inventory: Inventory,
  { source }: Situation,
): boolean {
  if (mine !== undefined) return mine.conflict === undefined && !mine.assignment.assignment.spec.suspend;
  const isPlaced = placed.get(address);
  // Named, and nowhere to go for now: as after its domain was renamed.
  if (isPlaced !== undefined) return isPlaced;
  const held = inventory.get(address);
  if (held === undefined || suspendedHold(held.assignment, source) !== undefined) return false;
  return source.complete && held.deletionPolicy !== 'Orphan';
}

/** The claims of each libvirt domain, by UUID. */
export function claimsByDomain(claims: readonly Claim[], { observed }: Situation): Map<string, Claim[]> {
  return grouped(claims, claim => findDomain(observed, claim.assignment.assignment.spec.domain)?.uuid);
}
