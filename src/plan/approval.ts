import type { Address } from '../api/address.ts';
import type { DevicePlan } from './device-plan.ts';
import { wait } from './hold.ts';
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

/**
 * Holds every device that would leave a running guest when more of them would than may unasked. Those that a person has
 * approved are not counted and not held, so whatever was approved goes on to its end.
 * @param max how many may without approval.
 */
export function holdForApproval(
  devices: ReadonlyMap<Address, DevicePlan>,
  max: number,
  approved: readonly Approval[],
): ReadonlyMap<Address, DevicePlan> {
  const detaches = [...devices.values()].flatMap(({ steps: [first] }) => (first?.verb === 'detach' ? [first] : []));
  const unasked = detaches.filter(step => !isApproved(step, approved));
  if (unasked.length <= max) return devices;
  const hold = wait('NeedsApproval', message(unasked, max));
  const held = new Set(unasked.map(step => step.device));
  return new Map([...devices].map(([address, plan]) => [address, held.has(address) ? waiting(plan, hold) : plan]));
}

function waiting({ want: _, steps, ...plan }: DevicePlan, hold: DevicePlan['hold'] & object): DevicePlan {
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
