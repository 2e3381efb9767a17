import type { Address } from '../api/address.ts';
import { MAX_DETACHES_DEFAULT, type PCIHostPolicy } from '../api/manifest.ts';
import type { DevicePlan } from './device-plan.ts';
import { type Hold, wait } from './hold.ts';
import type { DetachStep } from './step.ts';

/** A person's word that one device may leave one running guest, until a time in ms since the epoch. */
export interface Approval {
  readonly device: Address;
  readonly uuid: string;
  /** The instance: after a restart of the guest it is another detach. */
  readonly domid: number;
  readonly until: number;
}

/** How many detaches a message names one by one. */
const NAMED_MAX = 8;

/** The approvals that still hold. */
export function inForce(approvals: readonly Approval[], now: number): Approval[] {
  return approvals.filter(({ until }) => until > now);
}

/** The detaches that would be next: each takes a device from a running guest. */
export function nextDetaches(devices: ReadonlyMap<Address, DevicePlan>): readonly DetachStep[] {
  return [...devices.values()].flatMap(({ steps: [first] }) => (first?.verb === 'detach' ? [first] : []));
}

/** Those that no person has approved. What was approved goes on to its end, and counts for nothing. */
export function unaskedOf(detaches: readonly DetachStep[], approved: readonly Approval[]): readonly DetachStep[] {
  return detaches.length === 0 ? detaches : detaches.filter(step => !isApproved(step, approved));
}

/**
 * Why devices that would leave running guests have to wait, when there are more of them than may unasked: then all do.
 * @param unasked those of the whole host, in order.
 */
export function approvalHold(unasked: readonly DetachStep[], policy: PCIHostPolicy | undefined): Hold | undefined {
  const max = policy?.spec.maxDetachesPerPass ?? MAX_DETACHES_DEFAULT;
  return unasked.length <= max ? undefined : wait('NeedsApproval', message(unasked, max));
}

/** The plans of devices with those held that have to wait for approval. */
export function heldForApproval(
  devices: ReadonlyMap<Address, DevicePlan>,
  unasked: readonly DetachStep[],
  hold: Hold,
): ReadonlyMap<Address, DevicePlan> {
  const held = new Set(unasked.map(step => step.device));
  return new Map([...devices].map(([address, plan]) => [address, held.has(address) ? waiting(plan, hold) : plan]));
}

function waiting({ want: _, steps, ...plan }: DevicePlan, hold: Hold): DevicePlan {
  return { ...plan, hold, steps: [], afterApproval: steps };
}

function isApproved({ device, guest }: DetachStep, approved: readonly Approval[]): boolean {
  return approved.some(item => item.device === device && item.uuid === guest.uuid && item.domid === guest.domid);
}

/** The detaches that wait for approval. */
export function detachesToApprove(devices: ReadonlyMap<Address, DevicePlan>): DetachStep[] {
  return [...devices.values()].flatMap(({ afterApproval: [first] = [] }) => (first?.verb === 'detach' ? [first] : []));
}

function message(detaches: readonly DetachStep[], max: number): string {
  const named = detaches.slice(0, NAMED_MAX).map(({ device, guest }) => `${device} from ${guest.name}`);
  const more = detaches.length > NAMED_MAX ? ` and ${detaches.length - NAMED_MAX} more` : '';
  const count = detaches.length === 1 ? '1 device' : `${detaches.length} devices`;
  const rule = `at most ${max} may unasked (maxDetachesPerPass)`;
  return `${count} would leave running guests at once, and ${rule}: ${named.join(', ')}${more}; approve with: xenpci approve`;
}
