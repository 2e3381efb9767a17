import type { Address } from '../api/address.ts';
import type { Claim } from './claims.ts';
import { type Companion, companionsOf } from './companions.ts';
import type { DevicePlan } from './device-plan.ts';
import { findDomain, holderOf } from './domains.ts';
import { isOff } from './guards.ts';
import { guard, type Hold, wait } from './hold.ts';
import { type Observed, type ObservedDevice, type Place, samePlace } from './observed.ts';
import type { Situation } from './situation.ts';
import type { Want } from './want.ts';

/** What is wanted of one device, before it is known whether its companions go along. */
export interface Wish {
  /** The claim on it; of several the one that is followed. */
  readonly followed?: Claim;
  readonly want: Want;
}

type Wishes = ReadonlyMap<Address, Wish>;

/** Who has a device: dom0 or a domain. `key` tells owners apart, `name` is for people. */
interface Owner {
  readonly key: string;
  readonly name: string;
}

const DOM0: Owner = { key: 'dom0', name: 'dom0' };

/**
 * The devices that cannot have what is wanted, because functions that share a slot or a reset with them would be with
 * somebody else. One that stays where it is can keep others back in turn.
 */
export function splitDevices(wishes: Wishes, situation: Situation): ReadonlyMap<Address, Hold> {
  const refused = new Map<Address, Hold>();
  if (isOff('SharedSlot', situation.source.policy)) return refused;
  for (;;) {
    const found = [...wishes].flatMap(([address, wish]): [Address, Hold][] => {
      const hold = refused.has(address) ? undefined : splitHold(address, wish, wishes, refused, situation);
      return hold === undefined ? [] : [[address, hold]];
    });
    if (found.length === 0) return refused;
    for (const [address, hold] of found) refused.set(address, hold);
  }
}

/** The rule that would refuse to give this device alone to somebody, by who has the others now. */
export function standingSplit(address: Address, claims: readonly Claim[], { observed }: Situation): Hold | undefined {
  const device = observed.devices.get(address);
  if (device === undefined) return undefined;
  const takerOf = (at: Address): string | undefined => {
    const [claim] = claims.filter(candidate => candidate.address === at);
    return claim === undefined ? undefined : claimOwner(claim, observed).key;
  };
  const taker = takerOf(address);
  const [other] = companionsOf(device, observed).filter(
    ({ device: { address: at } }) => taker === undefined || takerOf(at) !== taker,
  );
  const owner = other === undefined ? undefined : ownerAt(other.device.place, other, undefined, observed);
  return other === undefined || owner === undefined ? undefined : splitGuard(address, other, owner);
}

function splitHold(
  address: Address,
  { followed: claim, want }: Wish,
  wishes: Wishes,
  refused: ReadonlyMap<Address, Hold>,
  { observed }: Situation,
): Hold | undefined {
  const device = observed.devices.get(address);
  if (claim === undefined || device === undefined || want.place === undefined || want.place.at === 'host')
    return undefined;
  if (want.place.at === 'guest' && samePlace(device.place, want.place)) return undefined;
  const taker = claimOwner(claim, observed);
  for (const companion of companionsOf(device, observed)) {
    const { address: other, place } = companion.device;
    const wish = refused.has(other) ? undefined : wishes.get(other);
    const owner = ownerAt(wish?.want.place ?? place, companion, wish, observed);
    if (owner !== undefined && owner.key !== taker.key) return splitGuard(address, companion, owner);
  }
  return undefined;
}

/**
 * Gives a device to its guest only when no function that goes there, too, is still in another guest: that guest may not
 * let go of it, and until somebody approves it need not. Without such a step of the other one it goes no further than
 * pciback.
 */
export function waitForCompanions(devices: Plans, { observed, source }: Situation): Plans {
  if (isOff('SharedSlot', source.policy)) return devices;
  return new Map(
    [...devices].map(([address, device]) => {
      const away = companionAway(device, observed);
      return [address, away === undefined ? device : waiting(device, away, devices.get(away.address))];
    }),
  );
}

/** Whether the next step of a device is to give it to a guest, and a companion is not out of another one yet. */
export function isHeldForCompanion({ hold, steps: [first] }: DevicePlan): boolean {
  return hold?.reason === 'SlotInUse' && first?.verb === 'attach';
}

type Plans = ReadonlyMap<Address, DevicePlan>;

/** The companion that another guest has than the one that is to get the device. */
function companionAway({ address, want, have }: DevicePlan, observed: Observed): ObservedDevice | undefined {
  const device = observed.devices.get(address);
  if (device === undefined || have === undefined || want?.at !== 'guest' || samePlace(have, want)) return undefined;
  return companionsOf(device, observed)
    .map(companion => companion.device)
    .find(({ place }) => place.at === 'guest' && !samePlace(place, want));
}

function waiting(plan: DevicePlan, { address, place }: ObservedDevice, other: DevicePlan | undefined): DevicePlan {
  const having = place.at === 'guest' ? place.domain : 'another guest';
  const taker = plan.want?.at === 'guest' ? plan.want.domain : 'its guest';
  const message = `${plan.address} goes to ${taker} together with ${address}, and ${having} still has ${address}`;
  const held = { ...plan, hold: wait('SlotInUse', message) };
  if (other !== undefined && other.steps.length > 0) return held;
  return { ...held, want: { at: 'assignable' }, steps: plan.steps.filter(({ verb }) => verb !== 'attach') };
}

/** Who has a companion once it is at a place; nobody for one that no driver of dom0 has, or that waits for no guest. */
function ownerAt(place: Place, { device }: Companion, wish: Wish | undefined, observed: Observed): Owner | undefined {
  if (place.at === 'guest') {
    return { key: holderOf(observed, place)?.uuid ?? `domain ${place.domid}`, name: place.domain };
  }
  if (place.at === 'host') return device.driver === undefined ? undefined : DOM0;
  return wish?.followed === undefined || wish.want.place === undefined
    ? undefined
    : claimOwner(wish.followed, observed);
}

function claimOwner(claim: Claim, observed: Observed): Owner {
  const selector = claim.assignment.assignment.spec.domain;
  const found = findDomain(observed, selector);
  const name = found?.name ?? ('uuid' in selector ? selector.uuid : selector.name);
  return { key: found?.uuid ?? name, name };
}

function splitGuard(address: Address, { device, shares }: Companion, owner: Owner): Hold {
  const fact =
    shares === 'slot'
      ? `${address} and ${device.address} are functions of one slot`
      : `${address} can only be reset together with ${device.address}`;
  const advice = 'give both to one domain, or switch SharedSlot off in PCIHostPolicy';
  return guard('SharedSlot', `${fact}, and ${owner.name} has that one; ${advice}`);
}
