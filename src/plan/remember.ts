import type { Address } from '../api/address.ts';
import type { Claim } from './claims.ts';
import type { DevicePlan } from './device-plan.ts';
import { findDomain, holderOf, isHeldFor } from './domains.ts';
import { nextMark } from './drift.ts';
import type { HeldDevice, Inventory } from './inventory.ts';
import type { Observed, ObservedDevice } from './observed.ts';
import { recordOf } from './record.ts';
import { isSame } from './same.ts';
import type { Situation } from './situation.ts';
import type { ConfigureStep } from './step.ts';

interface Decided {
  readonly devices: ReadonlyMap<Address, DevicePlan>;
  readonly configures: ReadonlyMap<string, ConfigureStep>;
  readonly inventory: Inventory;
  readonly situation: Situation;
}

/**
 * What has to be remembered from now on: every device that a claim gives a place, and those that were let go of until
 * they are where they belong. The same objects come back for what does not change, and when nothing does, the same inventory,
 * so that nothing is written.
 */
export function nextInventory({ devices, configures, inventory, situation }: Decided): Inventory {
  const leavingDefinition = new Set([...configures.values()].flatMap(step => step.remove));
  const next = new Map<Address, HeldDevice>();
  for (const device of devices.values()) {
    const held = inventory.get(device.address);
    const claim = device.followed;
    const record =
      claim === undefined
        ? stillHeld(device, held, leavingDefinition, situation)
        : heldForClaim(claim, device, held, { configures, observed: situation.observed });
    if (record !== undefined) next.set(device.address, sameRecord(held, record) ? held : record);
  }
  return sameInventory(inventory, next) ? inventory : next;
}

function stillHeld(
  device: DevicePlan,
  held: HeldDevice | undefined,
  leavingDefinition: ReadonlySet<Address>,
  { source }: Situation,
): HeldDevice | undefined {
  // With nothing to do and nothing to wait for it has arrived, or is no longer ours.
  const isLetGo = device.steps.length === 0 && device.hold === undefined && !leavingDefinition.has(device.address);
  return isLetGo && source.complete ? undefined : held;
}

function heldForClaim(
  claim: Claim,
  plan: DevicePlan,
  held: HeldDevice | undefined,
  { configures, observed }: Pick<Decided, 'configures'> & Pick<Situation, 'observed'>,
): HeldDevice | undefined {
  const isComplete = (): boolean => !isConfigured(claim, configures, observed);
  const inPlace = nextMark(claim, plan, { held, bootId: observed.bootId }, isComplete);
  const domain = domainOf(claim, observed, held);
  if (plan.want === undefined || domain === undefined) return held && withMark(held, inPlace);
  const device = observed.devices.get(claim.address);
  // As long as the guest before has it, the record must go on saying that it has it from us.
  const before =
    held !== undefined && device !== undefined && isWithItsDomain(held, device, observed) ? held : undefined;
  const leaves = before !== undefined && before.domain.uuid !== domain.uuid ? before : undefined;
  const record = recordOf(claim, leaves?.domain ?? domain, { device, held, bootId: observed.bootId });
  return withMark(leaves === undefined ? record : { ...record, updatePolicy: leaves.updatePolicy }, inPlace);
}

function withMark(held: HeldDevice, inPlace: HeldDevice['inPlace']): HeldDevice {
  if (held.inPlace === inPlace) return held;
  const { inPlace: _, ...record } = held;
  return inPlace === undefined ? record : { ...record, inPlace };
}

/** Whether the stored definition of its domain is only now to get the device. */
function isConfigured({ assignment, address }: Claim, configures: Decided['configures'], observed: Observed): boolean {
  const domain = findDomain(observed, assignment.assignment.spec.domain);
  const step = domain && configures.get(domain.uuid);
  return step?.add.some(({ device }) => device === address) === true;
}

// A domain that is undefined now may be defined again, under another name: its uuid tells that it is the same one.
function domainOf(
  { assignment }: Claim,
  observed: Observed,
  held: HeldDevice | undefined,
): HeldDevice['domain'] | undefined {
  const found = findDomain(observed, assignment.assignment.spec.domain);
  return found === undefined ? held?.domain : { name: found.name, uuid: found.uuid };
}

function isWithItsDomain(held: HeldDevice, device: ObservedDevice, observed: Observed): boolean {
  const holder = holderOf(observed, device.place);
  return holder !== undefined && isHeldFor(held, holder);
}

function sameRecord(a: HeldDevice | undefined, b: HeldDevice): a is HeldDevice {
  return isSame(a, b);
}

/** Whether two inventories have the same records, one by one the same objects. */
export function sameInventory(a: Inventory, b: Inventory): boolean {
  if (a.size !== b.size) return false;
  for (const [address, record] of b) if (a.get(address) !== record) return false;
  return true;
}
