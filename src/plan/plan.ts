import type { Address } from '../api/address.ts';
import { compareAddresses } from '../api/address.ts';
import { MAX_DETACHES_DEFAULT, type SourceSnapshot } from '../api/manifest.ts';
import { detachesToApprove, holdForApproval } from './approval.ts';
import { type Claim, type ResolvedEntry, resolveEntries } from './claims.ts';
import { claimsByDomain, configureStep } from './configure.ts';
import { detachTerms } from './detach-terms.ts';
import type { DevicePlan } from './device-plan.ts';
import { asGuest, attachVia, findDomain, holderOf } from './domains.ts';
import { drifted, wasInPlace, withoutDrift } from './drift.ts';
import { type ForeignDevice, foreignDevices } from './foreign.ts';
import type { Hold } from './hold.ts';
import type { HeldDevice, Inventory } from './inventory.ts';
import { type LadderTerms, ladder } from './ladder.ts';
import { grouped } from './lookup.ts';
import type { Observed, ObservedDevice, ObservedDomain, Place } from './observed.ts';
import { isDriverless, rememberedDriver } from './record.ts';
import { isToForget } from './refilter.ts';
import { nextInventory } from './remember.ts';
import { isHeldForCompanion, splitDevices, waitForCompanions } from './shared-slot.ts';
import { type Bystander, takeTurns } from './sharing.ts';
import type { Situation } from './situation.ts';
import { NO_STANDING, type Standing } from './standing.ts';
import type { ConfigureStep, Step } from './step.ts';
import { suspendedHold } from './suspended.ts';
import { type Want, wantOfHeld } from './want.ts';

/** The decision for the whole host. */
export interface Plan {
  readonly entries: readonly ResolvedEntry[];
  readonly devices: ReadonlyMap<Address, DevicePlan>;
  /** Changes of stored definitions by domain UUID. */
  readonly configures: ReadonlyMap<string, ConfigureStep>;
  /** What assigned domains have that is not ours, by domain UUID: shown, and never taken away for that. */
  readonly foreign: ReadonlyMap<string, readonly ForeignDevice[]>;
  /** What must be on disk before the first step is taken. */
  readonly inventory: Inventory;
}

/**
 * Decides, without side effects, what has to be done so that the host becomes as the manifests say.
 * The order of files, entries, devices and domains makes no difference.
 */
export function plan(
  observed: Observed,
  source: SourceSnapshot,
  inventory: Inventory,
  standing: Standing = NO_STANDING,
): Plan {
  const situation: Situation = { observed, source };
  const entries = resolveEntries(source.assignments, observed);
  const claims = entries.flatMap(entry => entry.claims);
  const wished = planDevices(claims, inventory, situation, standing);
  const maxDetaches = source.policy?.spec.maxDetachesPerPass ?? MAX_DETACHES_DEFAULT;
  const planned = waitForCompanions(holdForApproval(wished, maxDetaches, standing.approved), situation);
  const asWanted = planConfigures(claims, planned, inventory, situation);
  const { devices, configures } = leaveDrift(planned, asWanted, inventory, observed);
  return {
    entries,
    devices,
    configures,
    foreign: foreignDevices(source.assignments, claims, inventory, observed),
    inventory: nextInventory({ devices, configures, inventory, situation }),
  };
}

/** All steps of a plan: stored definitions first, so that a guest that restarts meanwhile has its devices. */
export function planSteps({ devices, configures }: Plan): Step[] {
  return [...configures.values(), ...[...devices.values()].flatMap(device => device.steps)];
}

/** The steps that may be taken now: for each device its first, unless that waits for another one, and each domain's change. */
export function nextSteps({ devices, configures }: Plan): Step[] {
  const first = [...devices.values()].flatMap(device => (isHeldForCompanion(device) ? [] : device.steps.slice(0, 1)));
  return [...configures.values(), ...first];
}

function planDevices(
  claims: readonly Claim[],
  inventory: Inventory,
  situation: Situation,
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
function keptHold(claims: readonly Claim[], held: HeldDevice | undefined, { source }: Situation): Hold | undefined {
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

function planConfigures(
  claims: readonly Claim[],
  devices: ReadonlyMap<Address, DevicePlan>,
  inventory: Inventory,
  situation: Situation,
): ReadonlyMap<string, ConfigureStep> {
  const named = [...devices.values()].filter(device => device.claims.length > 0);
  const placed = new Map(named.map(device => [device.address, device.want !== undefined]));
  const lent = new Set(
    [...devices.values()]
      .filter(({ want }) => want?.at === 'guest')
      .flatMap(({ others }) => others.map(({ claim }) => claim)),
  );
  const split = new Set(
    [...devices.values()]
      .filter(({ address, claims, hold }) => {
        return hold?.reason === 'SharedSlot' || keptHold(claims, inventory.get(address), situation) !== undefined;
      })
      .map(({ address }) => address),
  );
  const byDomain = claimsByDomain(claims, situation);
  const waiting = new Set(detachesToApprove(devices).map(step => step.device));
  const steps = situation.observed.domains.flatMap((domain: ObservedDomain) => {
    const step = configureStep(
      domain,
      byDomain.get(domain.uuid) ?? [],
      { placed, waiting, lent, split },
      inventory,
      situation,
    );
    return step === undefined ? [] : [[domain.uuid, step] as const];
  });
  return new Map(steps.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Leaves in stored definitions what others have changed there, where the claim says so, and says it of the device. */
function leaveDrift(
  planned: ReadonlyMap<Address, DevicePlan>,
  configures: ReadonlyMap<string, ConfigureStep>,
  inventory: Inventory,
  observed: Observed,
): Pick<Plan, 'devices' | 'configures'> {
  const devices = new Map(planned);
  const kept = [...configures].flatMap(([uuid, asWanted]) => {
    const { step, left } = withoutDrift(asWanted, address => isSteady(planned.get(address), uuid, inventory, observed));
    for (const address of left) {
      const device = devices.get(address);
      const fact = `${address} was in the stored definition of ${asWanted.domain.name} as wanted, and is not now`;
      if (device !== undefined && device.hold === undefined) devices.set(address, { ...device, hold: drifted(fact) });
    }
    return step === undefined ? [] : [[uuid, step] as const];
  });
  return { devices, configures: new Map(kept) };
}

function isSteady(device: DevicePlan | undefined, uuid: string, inventory: Inventory, observed: Observed): boolean {
  const claim = device?.followed;
  if (claim === undefined || findDomain(observed, claim.assignment.assignment.spec.domain)?.uuid !== uuid) return false;
  return wasInPlace(claim, device?.want, { held: inventory.get(claim.address), bootId: observed.bootId });
}
