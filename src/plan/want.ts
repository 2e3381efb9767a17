import { asleepHold, specsFor } from './assigned.ts';
import type { Claim } from './claims.ts';
import { believedHolders, findDomain, holderOf, isHeldFor, isOurs } from './domains.ts';
import { placeDrift } from './drift.ts';
import { deadGuard, deviceGuard, domainGuard, isProtected, takingGuard } from './guards.ts';
import { type Hold, wait } from './hold.ts';
import type { HeldDevice } from './inventory.ts';
import { type Observed, type ObservedDevice, type ObservedDomain, PCIBACK, type Place, samePlace } from './observed.ts';
import { isDriverless } from './record.ts';
import type { Situation } from './situation.ts';
import { suspendedHold } from './suspended.ts';

/**
 * Where a device should be now. Without `place` it is not to be touched. With `hold` and `place` both, the place is as
 * far as it can go for now.
 */
export interface Want {
  readonly place?: Place;
  readonly hold?: Hold;
}

const POLICY_UNKNOWN = wait(
  'SourceIncomplete',
  'a manifest that cannot be read may protect this device; nothing new is taken until all can',
);
const ASSIGNABLE: Place = { at: 'assignable' };

/** What a claim wants of its device. */
export function wantOfClaim(claim: Claim, held: HeldDevice | undefined, situation: Situation): Want {
  const { observed, source } = situation;
  if (claim.conflict !== undefined) return { hold: claim.conflict };
  const { spec } = claim.assignment.assignment;
  const asleep = suspendedHold(claim.assignment.assignment.metadata.name, source);
  if (asleep !== undefined) return { hold: asleep };
  const device = observed.devices.get(claim.address);
  if (device === undefined || !device.present) return { hold: missing(claim, device) };
  const refusal = deviceGuard(claim, device, source.policy);
  if (refusal !== undefined) return { hold: refusal };
  if (source.policyUnknown === true && held === undefined) return { hold: POLICY_UNKNOWN };
  const domain = findDomain(observed, spec.domain);
  const want = domain === undefined ? wantWithoutDomain(claim, held, observed) : wantForDomain(claim, domain, device);
  const { bootId } = observed;
  const goal =
    domain?.domid === undefined ? want.place : ({ at: 'guest', domid: domain.domid, domain: domain.name } as const);
  const drift = want.place && goal && placeDrift(claim, goal, device, { held, bootId });
  if (drift !== undefined) return { hold: drift };
  return mayBeTaken(device, mayLeave(device, want, held, situation), situation);
}

/** Leaves with the host, or where it is, what a guard keeps from being taken or given; what is in place stays there. */
function mayBeTaken(device: ObservedDevice, want: Want, situation: Situation): Want {
  const { place } = want;
  if (device.dead !== undefined) return wantOfDead(device, want);
  // On its way down from a guest nothing is taken from the host, and nobody is given anything.
  const leavesGuest = place?.at === 'assignable' && device.place.at === 'guest';
  if (place === undefined || place.at === 'host' || leavesGuest || samePlace(place, device.place)) return want;
  const refusal = takingGuard(device, situation);
  return refusal === undefined ? want : { hold: refusal };
}

/** A dead device is given to nobody, but the guest that is to lose it does. */
function wantOfDead(device: ObservedDevice, want: Want): Want {
  const hold = deadGuard(device);
  const leaves = device.place.at === 'guest' && want.place !== undefined && !samePlace(want.place, device.place);
  const place = leaves
    ? ASSIGNABLE
    : want.place !== undefined && samePlace(want.place, device.place)
      ? want.place
      : undefined;
  return { ...(place === undefined ? {} : { place }), ...(hold === undefined ? {} : { hold }) };
}

function missing(claim: Claim, device: ObservedDevice | undefined): Hold {
  const gone = device === undefined ? 'is not on this host' : 'has vanished from the bus';
  return wait('DeviceMissing', `${claim.address} ${gone}; put it back or remove the entry`);
}

// A domain that we served before and that is gone counts as stopped; one we never saw may be a slip of the pen.
function wantWithoutDomain(claim: Claim, held: HeldDevice | undefined, observed: Observed): Want {
  const selector = claim.assignment.assignment.spec.domain;
  const text = 'uuid' in selector ? selector.uuid : selector.name;
  const renamed = 'name' in selector ? renamedFrom(selector.name, held, observed) : undefined;
  if (renamed !== undefined) {
    const message = `${text} is called ${renamed.name} now; write that name, or {uuid: ${renamed.uuid}}, in spec.domain`;
    return { hold: wait('DomainNotFound', message) };
  }
  const hold = wait('DomainNotFound', `there is no domain ${text}; define it or correct spec.domain`);
  const served =
    held !== undefined &&
    ('uuid' in selector ? held.domain.uuid === selector.uuid : held.domain.name === selector.name);
  return served ? { place: whenStopped(claim), hold } : { hold };
}

/** The domain that had this name when it was served, if there is one. */
function renamedFrom(name: string, held: HeldDevice | undefined, { domains }: Observed): ObservedDomain | undefined {
  if (held?.domain.uuid === undefined || held.domain.name !== name) return undefined;
  return domains.find(domain => domain.uuid === held.domain.uuid);
}

function whenStopped(claim: Claim): Place {
  return claim.assignment.assignment.spec.whenStopped === 'Host' ? { at: 'host' } : ASSIGNABLE;
}

function wantForDomain(claim: Claim, domain: ObservedDomain, device: ObservedDevice): Want {
  const refusal = domainGuard(domain);
  if (refusal !== undefined) return { hold: refusal };
  if (domain.domid === undefined) return wantForStopped(claim, domain);
  return wantForRunning(claim, { ...domain, domid: domain.domid }, device);
}

// While its start is being prepared its devices are on their way to it, and nothing else shows that.
function wantForStopped(claim: Claim, domain: ObservedDomain): Want {
  if (domain.state === 'changing') return { hold: wait('DomainChanging', `${domain.name} is starting`) };
  return { place: whenStopped(claim) };
}

function crashed({ name }: ObservedDomain): Hold {
  return wait('DomainCrashed', `${name} has crashed and is kept as it was; end it: virsh destroy ${name}`);
}

function wantForRunning(claim: Claim, domain: ObservedDomain & { domid: number }, device: ObservedDevice): Want {
  const inPlace: Place = { at: 'guest', domid: domain.domid, domain: domain.name };
  if (device.place.at === 'guest' && device.place.domid === domain.domid) {
    if (device.busClosed === true) return { place: inPlace, hold: busClosed(domain, device) };
    if (isPutBack(device)) return { place: inPlace, hold: putBack(domain, device) };
    if (device.settled) return { place: inPlace, ...permissiveHold(claim, domain, device) };
    return { place: inPlace, hold: wait('Settling', `${domain.name} has not finished taking ${device.address}`) };
  }
  // While a domain starts or stops its devices move by themselves: whoever acts now acts twice.
  if (domain.crashed === true) return { hold: crashed(domain) };
  if (domain.state === 'changing') {
    return { hold: wait('DomainChanging', `${domain.name} is starting or stopping`) };
  }
  if (claim.assignment.assignment.spec.updatePolicy === 'OnNextStart') {
    const message = `${domain.name} gets ${device.address} when it is next started (updatePolicy: OnNextStart)`;
    return { place: ASSIGNABLE, hold: wait('NeedsRestart', message) };
  }
  if (domain.passthrough === 'off') {
    const message = `${domain.name} was started without PCI passthrough; stop and start it`;
    return { place: ASSIGNABLE, hold: wait('NeedsRestart', message) };
  }
  if (domain.state === 'paused') {
    return { place: ASSIGNABLE, hold: wait('DomainPaused', `${domain.name} ${restText(domain)}`) };
  }
  return { place: inPlace };
}

/**
 * Whether the guest that has a device by xenstore does not have this card. pciback keeps a device for as long as a guest has
 * it: another driver gets it only when it was pulled out meanwhile.
 */
function isPutBack({ driver, putBack }: ObservedDevice): boolean {
  return driver !== PCIBACK || putBack === true;
}

function putBack({ name }: ObservedDomain, { address, driver }: ObservedDevice): Hold {
  const now =
    driver === PCIBACK
      ? 'this card was never given to it'
      : driver === undefined
        ? 'no driver has it'
        : `dom0's driver ${driver} has it`;
  const message = `xenstore says that ${name} has ${address}, but ${now}: it was taken out and put back; stop and start ${name}`;
  return wait('NeedsRestart', message);
}

/** libxl waits for a connected bus before it gives or takes anything, and a guest's kernel connects one only once. */
function busClosed({ name }: ObservedDomain, { address }: ObservedDevice): Hold {
  const message = `the PCI bus of ${name} is closed: ${address} does not work in it and cannot be taken from it; stop and start it`;
  return wait('GuestBusClosed', message);
}

/**
 * Whether a guest that has the device has it as its entry says, by both views: what the toolstack was told, and what
 * pciback does. A device is not taken from a running guest for that.
 */
function permissiveHold({ entry }: Claim, domain: ObservedDomain, device: ObservedDevice): { hold?: Hold } {
  const { address, permissive = false, unfiltered = false } = device;
  if (permissive === entry.permissive && unfiltered === entry.permissive) return {};
  const views = `opts-N says permissive=${permissive ? 1 : 0}, pciback ${unfiltered ? 'passes all' : 'filters'} writes`;
  const message = `${domain.name} has ${address} with another permissive than ${entry.permissive} (${views}); stop and start it`;
  return { hold: wait('NeedsRestart', message) };
}

/** What becomes of a device that no entry names any more. Undefined: the record can be forgotten. */
export function wantOfHeld(held: HeldDevice, device: ObservedDevice, situation: Situation): Want | undefined {
  const { observed, source } = situation;
  const asleep = suspendedHold(held.assignment, source);
  if (asleep !== undefined) return { hold: asleep };
  if (!source.complete) {
    const message = 'its entry is gone, but not every manifest could be read; nothing is taken away until all can';
    return { hold: wait('SourceIncomplete', message) };
  }
  if (held.deletionPolicy === 'Orphan' || isProtected(device, source.policy)) return undefined;
  const holder = holderOf(observed, device.place);
  const foreign = device.place.at === 'guest' && (holder === undefined || !isAttachedByUs(device, holder, held));
  // A device that somebody gave to another guest, or took back to the host, is no longer ours to move.
  const isBack = device.place.at === 'host';
  const halfWay = isDriverless(device, held, observed);
  if (foreign || (isBack && !halfWay)) return undefined;
  const place: Place = held.deletionPolicy === 'Host' || isBack ? { at: 'host' } : ASSIGNABLE;
  const want = mayLeave(device, { place }, held, situation);
  // What nobody is to have any more needs no word about its death, unless it was to go back to the host.
  if (device.dead === undefined || want.place?.at !== 'host') return want;
  return wantOfDead(device, want);
}

function isAttachedByUs(device: ObservedDevice, holder: ObservedDomain, held: HeldDevice | undefined): boolean {
  if (held !== undefined && isHeldFor(held, holder)) return true;
  return holder.live.some(entry => entry.address === device.address && isOurs(entry));
}

/** Keeps a device where it is while that is not ours to change, or changes by itself. */
function mayLeave(device: ObservedDevice, want: Want, held: HeldDevice | undefined, situation: Situation): Want {
  const { place } = device;
  if (want.place === undefined || samePlace(place, want.place)) return want;
  const hold = place.at === 'guest' ? guestKeeps(device, place, held, situation) : onItsWay(device, situation);
  return hold === undefined ? want : { hold };
}

/** Why a guest keeps a device: we did not give it, and that guest's own assignment does not say what it may have. */
function guestKeeps(
  device: ObservedDevice,
  place: Place & { readonly at: 'guest' },
  held: HeldDevice | undefined,
  situation: Situation,
): Hold | undefined {
  const holder = holderOf(situation.observed, place);
  if (holder?.crashed === true) return crashed(holder);
  if (holder === undefined || holder.state === 'changing') {
    return wait('DomainChanging', `${place.domain} has ${device.address} and is starting or stopping`);
  }
  const asleep = asleepHold(holder, situation);
  if (asleep !== undefined) return asleep;
  const assigned = specsFor(holder, situation);
  if (!isAttachedByUs(device, holder, held) && assigned.every(spec => spec.driftPolicy === 'Report')) {
    const fact = `${holder.name} has ${device.address}, and not from us`;
    const next =
      assigned.length === 0
        ? 'detach it there or name that domain'
        : 'detach it there, or set driftPolicy: Correct in an assignment for that domain';
    return wait('HeldByOther', `${fact}; ${next}`);
  }
  const remembered = held !== undefined && isHeldFor(held, holder) ? [held.updatePolicy] : [];
  const policies = assigned.length > 0 ? assigned.map(spec => spec.updatePolicy) : remembered;
  if (policies.includes('OnNextStart')) {
    const message = `${device.address} leaves ${holder.name} when that domain stops (updatePolicy: OnNextStart)`;
    return wait('NeedsRestart', message);
  }
  // How many may be taken, and how a guest is told, is not known either.
  return cannotLetGo(holder, device) ?? (situation.source.policyUnknown === true ? POLICY_UNKNOWN : undefined);
}

function restText({ asleep }: ObservedDomain): string {
  return asleep === true ? 'is asleep; wake it' : 'is paused; resume it';
}

/** What in the guest itself, or in its device, keeps it from being taken. */
function cannotLetGo(holder: ObservedDomain, device: ObservedDevice): Hold | undefined {
  // It could not let go, and libxl would leave an entry behind that jams its PCI bus for good.
  if (holder.state === 'paused') {
    return wait('DomainPaused', `${holder.name} has ${device.address} and ${restText(holder)}`);
  }
  if (device.busClosed === true) return busClosed(holder, device);
  // libxl would reset it under dom0's driver, or ask the guest for what it does not have, which jams its PCI bus for good.
  return isPutBack(device) ? putBack(holder, device) : undefined;
}

/**
 * Whether somebody is giving a free device to a guest, or still taking it from one: libxl's mark is set first and taken
 * away last, and libvirt lets go of a domain's devices only when it has seen it end.
 */
export function onItsWay(device: ObservedDevice, { observed }: Situation): Hold | undefined {
  const changing = believedHolders(observed, device.address).find(({ state }) => state === 'changing');
  if (changing?.crashed === true) return crashed(changing);
  if (changing !== undefined) {
    const message = `${changing.name} is starting or stopping, and libvirt counts ${device.address} as its`;
    return wait('DomainChanging', message);
  }
  if (device.settled) return undefined;
  return wait('Settling', `${device.address} is being given to a guest or taken from one`);
}
