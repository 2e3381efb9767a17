import type { Address } from '../api/address.ts';
import { compareAddresses } from '../api/address.ts';
import type { SourceSnapshot } from '../api/manifest.ts';
import { type Claim, type ResolvedEntry, resolveEntries } from './claims.ts';
import { claimsByDomain, configureStep } from './configure.ts';
import type { DevicePlan } from './device-plan.ts';
import { asGuest, attachVia, detachVia, findDomain, holderOf } from './domains.ts';
import type { HeldDevice, Inventory } from './inventory.ts';
import { type LadderTerms, ladder } from './ladder.ts';
import { type Observed, type ObservedDevice, type ObservedDomain, type Place, samePlace } from './observed.ts';
import { nextInventory } from './remember.ts';
import { takeTurns } from './sharing.ts';
import type { ConfigureStep, Step } from './step.ts';
import { type Situation, type Want, wantOfHeld } from './want.ts';

/** The decision for the whole host. */
export interface Plan {
  readonly entries: readonly ResolvedEntry[];
  readonly devices: ReadonlyMap<Address, DevicePlan>;
  /** Changes of stored definitions by domain UUID. */
  readonly configures: ReadonlyMap<string, ConfigureStep>;
  /** What must be on disk before the first step is taken. */
  readonly inventory: Inventory;
}

/**
 * Decides, without side effects, what has to be done so that the host becomes as the manifests say.
 * The order of files, entries, devices and domains makes no difference.
 */
export function plan(observed: Observed, source: SourceSnapshot, inventory: Inventory): Plan {
  const situation: Situation = { observed, source };
  const entries = resolveEntries(source.assignments, observed);
  const claims = entries.flatMap(entry => entry.claims);
  const devices = planDevices(claims, inventory, situation);
  const configures = planConfigures(claims, devices, inventory, situation);
  return {
    entries,
    devices,
    configures,
    inventory: nextInventory({ devices, configures, inventory, situation }),
  };
}

/** All steps of a plan: stored definitions first, so that a guest that restarts meanwhile has its devices. */
export function planSteps({ devices, configures }: Plan): Step[] {
  return [...configures.values(), ...[...devices.values()].flatMap(device => device.steps)];
}

/** The steps that may be taken now: for each device its first, and each domain's change. */
export function nextSteps({ devices, configures }: Plan): Step[] {
  return [...configures.values(), ...[...devices.values()].flatMap(device => device.steps.slice(0, 1))];
}

function planDevices(
  claims: readonly Claim[],
  inventory: Inventory,
  situation: Situation,
): ReadonlyMap<Address, DevicePlan> {
  const byAddress = new Map<Address, Claim[]>();
  for (const claim of claims) byAddress.set(claim.address, [...(byAddress.get(claim.address) ?? []), claim]);
  const addresses = [...new Set([...byAddress.keys(), ...inventory.keys()])].sort(compareAddresses);
  return new Map(
    addresses.map(address => [
      address,
      planDevice(address, byAddress.get(address) ?? [], inventory.get(address), situation),
    ]),
  );
}

function planDevice(
  address: Address,
  claims: readonly Claim[],
  held: HeldDevice | undefined,
  situation: Situation,
): DevicePlan {
  const device = situation.observed.devices.get(address);
  const [first, ...more] = claims;
  const turn = first === undefined ? undefined : takeTurns([first, ...more], held, situation);
  const claim = turn?.followed;
  const want = turn?.want ?? wantOfUnclaimed(held, device, situation);
  const steps =
    device === undefined || want.place === undefined
      ? []
      : ladder(device.place, want.place, terms(device, want.place, claim, held, situation.observed));
  return {
    address,
    claims,
    ...(claim === undefined ? {} : { followed: claim }),
    others: turn?.others ?? [],
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
  observed: Observed,
): LadderTerms {
  const holder = samePlace(device.place, want) ? undefined : holderOf(observed, device.place);
  const taker = want.at === 'guest' && claim !== undefined ? takerOf(device, claim, want.domid, observed) : undefined;
  const driver = device.homeDriver ?? held?.hostDriver?.name;
  return {
    device: device.address,
    ...(holder?.domid === undefined
      ? {}
      : { holder: { guest: asGuest(holder, holder.domid), via: detachVia(holder, device.address) } }),
    ...(taker === undefined ? {} : { taker }),
    ...(driver === undefined ? {} : { driver }),
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
  const placed = new Set(
    [...devices.values()]
      .filter(device => device.claims.length > 0 && device.want !== undefined)
      .map(device => device.address),
  );
  const lent = new Set(
    [...devices.values()]
      .filter(({ want }) => want?.at === 'guest')
      .flatMap(({ others }) => others.map(({ claim }) => claim)),
  );
  const byDomain = claimsByDomain(claims, situation);
  const steps = situation.observed.domains.flatMap((domain: ObservedDomain) => {
    const step = configureStep(domain, byDomain.get(domain.uuid) ?? [], placed, lent, inventory, situation);
    return step === undefined ? [] : [[domain.uuid, step] as const];
  });
  return new Map(steps.sort(([a], [b]) => (a < b ? -1 : 1)));
}
