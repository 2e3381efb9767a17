import type { Address } from '../api/address.ts';
import { domainOf } from './domains.ts';
import { type Observed, type ObservedDevice, PCIBACK } from './observed.ts';

/**
 * The card that a running guest was given. When it is pulled, xenstore goes on saying that the guest has the device, and
 * when one is put in again and bound to pciback, everything looks as before: only the number that sysfs gives to each
 * insertion is another one. Which one the guest was given nothing on the host tells, so it is remembered.
 */
export interface GivenCard {
  readonly address: Address;
  readonly domid: number;
  /** The boot in which the domain id and the insertion mean something. */
  readonly bootId: string;
  /** See ObservedDevice. Absent when the card was out already when the guest was first seen with the device. */
  readonly insertion?: string;
}

/** By address; a device has one guest at most. */
export type Given = ReadonlyMap<Address, GivenCard>;

/**
 * Which cards the guests of a look were given, by what is known of them and by the look before.
 * @returns the same map when nothing has changed.
 */
export function nextGiven(given: Given, before: Observed | undefined, now: Observed): Given {
  const cards = [...now.devices.values()].flatMap(device => cardOf(device, given, before, now) ?? []);
  const next = new Map(cards.map(card => [card.address, card]));
  const isSame = next.size === given.size && cards.every(card => given.get(card.address) === card);
  return isSame ? given : next;
}

/** The look with a mark on each device whose card is another one than its guest was given. */
export function withPutBack(observed: Observed, given: Given): Observed {
  const found = [...given.values()].filter(card => isAnother(card, observed));
  if (found.length === 0) return observed;
  const devices = new Map(observed.devices);
  for (const { address } of found) {
    const device = devices.get(address);
    if (device !== undefined) devices.set(address, { ...device, putBack: true });
  }
  return { ...observed, devices };
}

function cardOf(
  device: ObservedDevice,
  given: Given,
  before: Observed | undefined,
  now: Observed,
): GivenCard | undefined {
  const { address, place, insertion } = device;
  const { bootId } = now;
  const known = given.get(address);
  if (known?.bootId === bootId && isStillGiven(known, device, now)) return known;
  if (place.at !== 'guest') return undefined;
  const { domid } = place;
  if (!isOut(device)) return insertion === undefined ? undefined : { address, domid, bootId, insertion };
  // xenstore and sysfs are not read at one moment, so that one look may show it while the device is on its way.
  const earlier = before?.bootId === bootId ? before.devices.get(address) : undefined;
  const isSeenTwice = earlier?.place.at === 'guest' && earlier.place.domid === domid && isOut(earlier);
  return isSeenTwice ? { address, domid, bootId } : undefined;
}

/** While entries of xenstore are on the move a device may seem to be with nobody. */
function isStillGiven({ domid }: GivenCard, { place, settled }: ObservedDevice, now: Observed): boolean {
  if (place.at === 'guest') return place.domid === domid;
  return !settled && domainOf(now, domid) !== undefined;
}

/** pciback keeps a device for as long as a guest has it: it loses it only when the card is pulled. */
function isOut({ present, driver }: ObservedDevice): boolean {
  return !present || driver !== PCIBACK;
}

function isAnother({ address, domid, bootId, insertion }: GivenCard, observed: Observed): boolean {
  const device = observed.devices.get(address);
  if (device === undefined || observed.bootId !== bootId || device.insertion === undefined) return false;
  return device.place.at === 'guest' && device.place.domid === domid && device.insertion !== insertion;
}
