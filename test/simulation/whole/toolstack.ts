import type { Address } from '../../../src/api/address.ts';
import { identityDifferences } from '../../../src/api/identity.ts';
import { HostError } from '../../../src/controller/ports.ts';
import type { BindStep, Card, DetachStep, Guest, Step } from '../../../src/plan/step.ts';
import { holdingsOf } from '../../../src/simulator/holdings.ts';
import { hasLeftover, isConnected } from '../../../src/simulator/model/backend.ts';
import { type Device, PCIBACK } from '../../../src/simulator/model/device.ts';
import type { Dom0 } from '../../../src/simulator/model/dom0.ts';
import type { Domain } from '../../../src/simulator/model/domain.ts';
import { usesOf } from '../../../src/simulator/model/host-use.ts';
import { notesPath } from '../../../src/simulator/model/libxl-outcome.ts';
import type { Model } from '../../../src/simulator/model/model.ts';

/**
 * What the host adapter checks right before a step, on the model: see src/host.
 * @throws {HostError} PreconditionFailed
 */
export function check({ dom0 }: Model, step: Step): void {
  switch (step.verb) {
    case 'bind':
      checkBind(dom0, step);
      return;
    case 'rebind':
    case 'release':
      requirePciback(free(dom0, step.device, step.verb === 'rebind' ? step.card : undefined));
      return;
    case 'attach':
      running(dom0, step.guest);
      requirePciback(free(dom0, step.device, step.card));
      return;
    case 'detach':
      checkDetach(dom0, step);
      return;
    case 'configure':
      return;
  }
}

function checkBind(dom0: Dom0, step: BindStep): void {
  const device = free(dom0, step.device, step.card);
  if (device.driver === PCIBACK) throw refusal(`${step.device} is bound to pciback already`);
  const use = usesOf(device).find(({ guard }) => step.allow?.includes(guard) !== true);
  if (use !== undefined) throw refusal(`dom0 uses ${step.device}: ${use.text}`);
}

function checkDetach(dom0: Dom0, step: DetachStep): void {
  const domain = running(dom0, step.guest);
  const device = present(dom0, step.device, undefined);
  if (step.insertion !== undefined && step.insertion !== String(device.insertions)) throw refusal('it was out');
  requirePciback(device);
  const [holder] = holdersOf(dom0, step.device);
  if (holder !== domain) throw refusal(`${holder?.name ?? 'nobody'} has ${step.device}`);
  if (domain.instance?.paused === true) throw refusal(`${domain.name} is paused; resume it`);
  const believed = domain.instance?.live.hostdevs.some(({ address }) => address === step.device);
  if (step.via === 'libvirt' && believed !== true) throw refusal('libvirt does not know of it');
}

function requirePciback({ spec, driver }: Device): void {
  if (driver !== PCIBACK) throw refusal(`${spec.address} is not bound to pciback`);
}

/** Whether nothing is under way for a guest's devices; `never` when that is so until it is restarted. */
export function isIdle({ dom0 }: Model, { domid }: Guest): boolean | 'never' {
  const domain = dom0.byDomid(domid);
  if (domain === undefined || domain.type !== 'pv') return true;
  if (hasLeftover(dom0.store, domid)) return 'never';
  return isConnected(dom0.store, domid);
}

export function refusal(fact: string): HostError {
  return new HostError('PreconditionFailed', `not done, because ${fact}`);
}

function free(dom0: Dom0, address: Address, card: Card | undefined): Device {
  const device = present(dom0, address, card);
  const [holder] = holdersOf(dom0, address);
  if (holder !== undefined) throw refusal(`${holder.name} has ${address}`);
  const marked = dom0.store.read(`${notesPath(address)}/domid`);
  const other = marked === undefined ? undefined : dom0.byDomid(Number(marked));
  if (other !== undefined) throw refusal(`${address} is being given to or taken from ${other.name}`);
  return device;
}

function present(dom0: Dom0, address: Address, card: Card | undefined): Device {
  const device = dom0.present(address);
  if (device === undefined) throw refusal(`${address} is not in sysfs`);
  if (card !== undefined && identityDifferences(card.identity, device.spec.identity).length > 0) {
    throw refusal(`another card is at ${address} now`);
  }
  return device;
}

function running(dom0: Dom0, { name, uuid, domid }: Guest): Domain {
  const domain = dom0.byDomid(domid);
  if (domain === undefined) throw refusal(`${name} no longer runs as domain ${domid}`);
  if (domain.uuid !== uuid) throw refusal(`domain ${domid} is ${domain.name} now, not ${name}`);
  return domain;
}

/** The guests that have a device by xenstore, the rightful one first. */
function holdersOf(dom0: Dom0, address: Address): Domain[] {
  return (holdingsOf(dom0).get(address) ?? []).map(({ domain }) => domain);
}
