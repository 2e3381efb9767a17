import type { Address } from '../api/address.ts';
import type { SourceSnapshot } from '../api/manifest.ts';
import { approvalHold, detachesToApprove, heldForApproval, unaskedOf } from './approval.ts';
import type { Claim, ResolvedEntry } from './claims.ts';
import { claimsByDomain, configureStep } from './configure.ts';
import type { DevicePlan } from './device-plan.ts';
import { findDomain } from './domains.ts';
import { drifted, wasInPlace, withoutDrift } from './drift.ts';
import { type ForeignDevice, foreignDevices } from './foreign.ts';
import type { Hold } from './hold.ts';
import type { Inventory } from './inventory.ts';
import type { Observed, ObservedDomain } from './observed.ts';
import { nextInventory } from './remember.ts';
import { isHeldForCompanion, waitForCompanions } from './shared-slot.ts';
import type { Situation } from './situation.ts';
import { NO_STANDING, type Standing } from './standing.ts';
import type { ConfigureStep, DetachStep, Step } from './step.ts';
import { keptHold, type Wishes, wishesOf } from './wishes.ts';

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
  const wishes = wishesOf({ observed, source, inventory }, standing);
  const unasked = unaskedOf(wishes.detaches, standing.approved);
  return settled(wishes, unasked, approvalHold(unasked, source.policy));
}

/**
 * The plan that wishes come to, once it is known whether too many devices would leave running guests at once.
 * @param unasked the detaches among the wishes that nobody has approved.
 * @param hold why those have to wait, if they do.
 */
export function settled(wishes: Wishes, unasked: readonly DetachStep[], hold: Hold | undefined): Plan {
  const { basis, entries, claims } = wishes;
  const { inventory, observed, source } = basis;
  const asked = hold === undefined ? wishes.devices : heldForApproval(wishes.devices, unasked, hold);
  const planned = waitForCompanions(asked, basis);
  const asWanted = planConfigures(claims, planned, inventory, basis);
  const { devices, configures } = leaveDrift(planned, asWanted, inventory, observed);
  return {
    entries,
    devices,
    configures,
    foreign: foreignDevices(source.assignments, claims, inventory, observed),
    inventory: nextInventory({ devices, configures, inventory, situation: basis }),
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
