import type { Address } from '../api/address.ts';
import { compareAddresses } from '../api/address.ts';
import { nextDetaches } from './approval.ts';
import type { Basis } from './basis.ts';
import { type Claim, type ResolvedEntry, resolveEntries } from './claims.ts';
import { detachTerms } from './detach-terms.ts';
import type { DevicePlan } from './device-plan.ts';
import { asGuest, attachVia, findDomain, holderOf } from './domains.ts';
import type { Hold } from './hold.ts';
import type { HeldDevice } from './inventory.ts';
import { type LadderTerms, ladder } from './ladder.ts';
import { grouped } from './lookup.ts';
import type { Observed, ObservedDevice, Place } from './observed.ts';
import { isDriverless, rememberedDriver } from './record.ts';
import { isToForget } from './refilter.ts';
import { splitDevices } from './shared-slot.ts';
import { type Bystander, takeTurns } from './sharing.ts';
import type { Situation } from './situation.ts';
import type { Standing } from './standing.ts';
import type { DetachStep } from './step.ts';
import { suspendedHold } from './suspended.ts';
import { type Want, wantOfHeld } from './want.ts';

/** What is wanted of each device, before it is known how many would leave running guests at once. */
export interface Wishes {
  readonly basis: Basis;
  readonly entries: readonly ResolvedEntry[];
  readonly claims: readonly Claim[];
  readonly devices: ReadonlyMap<Address, DevicePlan>;
  /** The detaches that would be next. */
  readonly detaches: readonly DetachStep[];
}

/** Decides what is wanted of each device that an entry names or that is held, and how it gets there. */
export function wishesOf(basis: Basis, standing: Standing): Wishes {
  const entries = resolveEntries(basis.source.assignments, basis.observed);
  const claims = entries.flatMap(entry => entry.claims);
  const devices = planDevices(claims, basis, standing);
  return { basis, entries, claims, devices, detaches: nextDetaches(devices) };
}

function planDevices(
  claims: readonly Claim[],
  { inventory, ...situation }: Basis,
  standing: Standing,
): ReadonlyMap<Address, DevicePlan> {
  const byAddress = grouped(claims, ({ address }) => address);
  const addresses = [...new Set([...byAddress.keys(), ...inventory.keys()])].sort(compareAddresses);
  const wishes = new Map(
    addresses.map(address => [
      address,
      wishFor(address, byAddress.get(address) ?? [], inventory.get(address), situation),
    ]),
  );
  const splits = splitDevices(wishes, situation);
  return new Map(
    [...wishes].map(([address, wish]) => {
      const split = splits.get(address);
      const allowed = split === undefined ? wish : { ...wish, want: { hold: split } };
      const held = inventory.get(address);
      return [address, planDevice(address, byAddress.get(address) ?? [], allowed, held, situation, standing)];
    }),
  );
}

/** What is wanted of one device before its companions are looked at. */
interface Wish {
  /** The claim that is followed, and those that are not. */
  readonly followed?: Claim;
  readonly others: readonly Bystander[];
  readonly want: Want;
}

function wishFor(
  address: Address,
  [first, ...more]: readonly Claim[],
  held: HeldDevice | undefined,
  situation: Situation,
): Wish {
  if (first === undefined) {
    return { others: [], want: wantOfUnclaimed(held, situation.observed.devices.get(address), situation) };
  }
  const turn = takeTurns([first, ...more], held, situation);
  const kept = keptHold([first, ...more], held, situation);
  return kept === undefined || first.conflict !== undefined ? turn : { ...turn, want: { hold: kept } };
}

/** Why nobody gets a device that a suspended assignment had and that only others name now: it stays as it is. */
export function keptHold(
  claims: readonly Claim[],
  held: HeldDevice | undefined,
  { source }: Situation,
): Hold | undefined {
  if (held === undefined) return undefined;
  const isNamed = claims.some(({ assignment }) => assignment.assignment.metadata.name === held.assignment);
  return isNamed ? undefined : suspendedHold(held.assignment, source);
}

function planDevice(
  address: Address,
  claims: readonly Claim[],
  { followed, others, want }: Wish,
  held: HeldDevice | undefined,
  situation: Situation,
  standing: Standing,
): DevicePlan {
  const device = situation.observed.devices.get(address);
  const steps =
    device === undefined || want.place === undefined
      ? []
      : ladder(device.place, want.place, terms(device, want.place, followed, held, situation, standing));
  return {
    address,
    claims,
    ...(followed === undefined ? {} : { followed }),
    others,
    ...(device?.present === true ? { have: device.place } : {}),
    ...(want.place === undefined ? {} : { want: want.place }),
    ...(want.hold === undefined ? {} : { hold: want.hold }),
    steps,
  };
}

function wantOfUnclaimed(held: HeldDevice | undefined, device: ObservedDevice | undefined, situation: Situation): Want {
  if (held === undefined || device?.present !== true) return {};
  return wantOfHeld(held, device, situation) ?? {};
}

function terms(
  device: ObservedDevice,
  want: Place,
  claim: Claim | undefined,
  held: HeldDevice | undefined,
  situation: Situation,
  standing: Standing,
): LadderTerms {
  const { observed } = situation;
  const holder = holderOf(observed, device.place);
  const taker = want.at === 'guest' && claim !== undefined ? takerOf(device, claim, want.domid, observed) : undefined;
  const driver = device.homeDriver ?? rememberedDriver(held, observed);
  return {
    device: device.address,
    allow: situation.source.policy?.spec.allow ?? [],
    card: { identity: device.identity, path: device.path },
    ...(holder?.domid === undefined
      ? {}
      : { holder: detachTerms(device, { ...holder, domid: holder.domid }, situation.source.policy, standing) }),
    ...(taker === undefined ? {} : { taker }),
    refilter: isToForget(device, claim, situation),
    ...(driver === undefined ? {} : { driver }),
    driverless: isDriverless(device, held, observed),
  };
}

function takerOf(
  device: ObservedDevice,
  claim: Claim,
  domid: number,
  observed: Observed,
): LadderTerms['taker'] | undefined {
  const domain = findDomain(observed, claim.assignment.assignment.spec.domain);
  if (domain === undefined) return undefined;
  return {
    guest: asGuest(domain, domid),
    via: attachVia(observed, domain, device),
    permissive: claim.entry.permissive,
  };
}
