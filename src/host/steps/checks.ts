import type { Address } from '../../api/address.ts';
import { identityDifferences } from '../../api/identity.ts';
import { HostError } from '../../controller/ports.ts';
import type { Card, Guest } from '../../plan/step.ts';
import { type Dom0, xenstoreView } from '../dom0.ts';
import type { SysfsDevice } from '../sysfs/sysfs.ts';
import { holdersOf, type XenstoreView } from '../xenstore/view.ts';

/** What is known about one device right before a step. */
export interface DeviceLook {
  readonly device: SysfsDevice;
  readonly xenstore: XenstoreView;
}

/**
 * Looks at one device afresh.
 * @throws {HostError} PreconditionFailed when it is not there, Unreachable when it cannot be told.
 */
export async function lookAt(dom0: Dom0, address: Address, signal: AbortSignal): Promise<DeviceLook> {
  const [device, xenstore] = await Promise.all([dom0.sysfs.device(address), xenstoreView(dom0, signal)]);
  if (device === undefined) throw refusal(`${address} is not in sysfs`);
  return { device, xenstore };
}

/**
 * Checks that the card is still the one that the step was decided for: the same one, in the same place.
 * @throws {HostError} PreconditionFailed
 */
export function requireCard(card: Card | undefined, { device }: DeviceLook): void {
  if (card === undefined) return;
  const { address, identity, path } = device;
  const differences = identityDifferences(card.identity, identity);
  if (differences.length > 0) {
    const list = differences.map(({ field, expected, found }) => `${field} is ${found}, not ${expected}`);
    throw refusal(`another card is at ${address} now: ${list.join(', ')}`);
  }
  if (path !== card.path) throw refusal(`${address} is the device at ${path} now, not the one at ${card.path}`);
}

/**
 * Checks that no guest has the device and none is about to get it.
 * @throws {HostError} PreconditionFailed
 */
export function requireFree({ device, xenstore }: DeviceLook): void {
  const { address } = device;
  const [holder] = holdersOf(xenstore, address);
  if (holder !== undefined) throw refusal(`${nameOf(holder.domid, xenstore)} has ${address}`);
  // The mark is set first and taken away last, so it also shows an attach or detach that is on its way.
  const marked = xenstore.marks.get(address)?.domid;
  if (marked !== undefined && xenstore.domains.has(marked)) {
    throw refusal(`${address} is being given to or taken from ${nameOf(marked, xenstore)}`);
  }
}

/**
 * Checks that the step's guest is still the same running instance.
 * @throws {HostError} PreconditionFailed
 */
export function requireRunning({ name, uuid, domid }: Guest, xenstore: XenstoreView): void {
  const domain = xenstore.domains.get(domid);
  if (domain === undefined) throw refusal(`${name} no longer runs as domain ${domid}`);
  if (domain.uuid !== uuid) throw refusal(`domain ${domid} is ${domain.name} now, not ${name}`);
}

/**
 * Checks that this guest, and no other, has the device.
 * @throws {HostError} PreconditionFailed
 */
export function requireHeldBy({ name, domid }: Guest, { device, xenstore }: DeviceLook): void {
  const holders = holdersOf(xenstore, device.address);
  if (holders.length === 0) throw refusal(`${name} does not have ${device.address}`);
  const other = holders.find(holder => holder.domid !== domid);
  if (other !== undefined) throw refusal(`${nameOf(other.domid, xenstore)} has ${device.address}`);
}

/**
 * Checks that the device has not been out since the step was decided for: its guest has only what it was given.
 * @throws {HostError} PreconditionFailed
 */
export function requireInsertion(insertion: string | undefined, { name }: Guest, { device }: DeviceLook): void {
  if (insertion === undefined || device.insertion === insertion) return;
  throw refusal(`${device.address} was pulled out of ${name} and put back, and is no longer what it has`);
}

/** The error for a step that the world no longer fits. */
export function refusal(fact: string): HostError {
  return new HostError('PreconditionFailed', `not done, because ${fact}`);
}

function nameOf(domid: number, { domains }: XenstoreView): string {
  return domains.get(domid)?.name ?? `domain ${domid}`;
}
