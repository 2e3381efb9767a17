import type { Address } from '../api/address.ts';
import type { Place } from '../plan/observed.ts';
import {
  type AttachStep,
  type ConfigureStep,
  type DetachStep,
  effect,
  type Guest,
  type ReleaseStep,
  type Step,
  stepText,
} from '../plan/step.ts';
import { type Faults, strike } from './faults.ts';
import { holdingsOf } from './holdings.ts';
import { assignableAdd, assignableRemove } from './model/assignable.ts';
import { PCIBACK } from './model/device.ts';
import type { Dom0 } from './model/dom0.ts';
import type { Domain, Hostdev } from './model/domain.ts';
import { bindDriver, overrideDriver, probeDriver } from './model/kernel.ts';
import { pciAdd, pciRemove } from './model/libxl.ts';
import type { Outcome } from './model/libxl-outcome.ts';
import type { Model } from './model/model.ts';
import { LibvirtRefusal } from './model/refusal.ts';

/**
 * Takes a step on the model without any I/O, through the same calls as the host adapter. A step that is illegal from
 * where its device is counts as a violation.
 * @throws {Error} in the toolstack's words, or as a fault says.
 */
export function perform(model: Model, step: Step, faults?: Faults): void {
  const device = step.verb === 'configure' ? undefined : step.device;
  noteIllegal(model, step);
  strike(faults?.take(step.verb, device).kind, () => take(model, step), undefined);
}

function noteIllegal(model: Model, step: Step): void {
  if (step.verb === 'configure') return;
  const place = truePlace(model, step.device);
  if (place === undefined || effect(step, place) === undefined) {
    model.dom0.violate(`illegal step: ${stepText(step)}, from ${place?.at ?? 'nowhere'}`);
  }
}

/** By the hypervisor's books and sysfs; and where libxl has taken a device in the books alone, with whom xenstore has it still. */
function truePlace({ dom0 }: Model, address: Address): Place | undefined {
  const device = dom0.present(address);
  if (device === undefined) return undefined;
  const domid = device.holder ?? unansweredBy(dom0, address);
  if (domid === undefined) return { at: device.driver === PCIBACK ? 'assignable' : 'host' };
  return { at: 'guest', domid, domain: dom0.byDomid(domid)?.name ?? '' };
}

function unansweredBy(dom0: Dom0, address: Address): number | undefined {
  const [first] = holdingsOf(dom0).get(address) ?? [];
  return first?.domain.instance?.unanswered.has(address) === true ? first.domid : undefined;
}

function take(model: Model, step: Step): void {
  switch (step.verb) {
    case 'bind':
      check(assignableAdd(model.dom0, step.device));
      break;
    case 'rebind':
      refilter(model, step.device);
      break;
    case 'attach':
      attach(model, step);
      break;
    case 'detach':
      detach(model, step);
      break;
    case 'release':
      release(model, step);
      break;
    case 'configure':
      configure(model, step);
      break;
  }
}

function attach(model: Model, { guest, via, device, permissive }: AttachStep): void {
  const domain = instanceOf(model, guest);
  if (!permissive) refilter(model, device);
  if (via === 'xl') check(pciAdd(model.dom0, domain, device, permissive));
  else attachThroughLibvirt(model, domain, ownHostdev(device, permissive));
}

/** xl does it where libvirt goes on believing that a device is in use which nobody has: see host/steps/attach.ts. */
function attachThroughLibvirt(model: Model, domain: Domain, hostdev: Hostdev): void {
  try {
    model.libvirt.attach(domain, hostdev, { live: true, stored: false });
  } catch (error) {
    const believed = error instanceof LibvirtRefusal && / is in use\b| already exists$/.test(error.message);
    if (!believed || model.dom0.present(hostdev.address)?.holder !== undefined) throw error;
    check(pciAdd(model.dom0, domain, hostdev.address, hostdev.permissive));
  }
}

function refilter({ dom0 }: Model, address: Address): void {
  if (dom0.present(address)?.permissive !== true) return;
  unassign(dom0, address, false);
  check(assignableAdd(dom0, address));
}

/** xl takes from pciback only what is in quarantine: see host/steps/release.ts. */
function unassign(dom0: Dom0, address: Address, rebind: boolean): void {
  if (dom0.present(address)?.quarantined === false) check(assignableAdd(dom0, address));
  check(assignableRemove(dom0, address, rebind));
}

function detach(model: Model, { guest, via, device, force }: DetachStep): void {
  const domain = instanceOf(model, guest);
  if (via === 'xl') check(pciRemove(model.dom0, domain, device, force));
  else model.libvirt.detach(domain, ownHostdev(device, false), { live: true, stored: false });
}

function release({ dom0 }: Model, step: ReleaseStep): void {
  const before = dom0.present(step.device);
  if (before !== undefined) overrideDriver(dom0, before, undefined);
  // What was cut off after the device had left pciback goes on from there.
  if (before?.driver !== undefined) unassign(dom0, step.device, true);
  const device = dom0.present(step.device);
  if (device === undefined || device.driver !== undefined) return;
  if (step.driver === undefined) probeDriver(dom0, device);
  else bindDriver(dom0, device, step.driver);
}

function configure(model: Model, step: ConfigureStep): void {
  const domain = model.dom0.domains.get(step.domain.uuid);
  const stored = domain?.stored;
  if (domain === undefined || stored === undefined) throw new Error(`no stored definition of ${step.domain.name}`);
  const kept = stored.hostdevs.filter(({ address }) => !step.remove.includes(address));
  const added = step.add.map(({ device, permissive }) => ownHostdev(device, permissive));
  const passthrough = stored.passthrough || step.passthrough;
  model.libvirt.define(domain, {
    ...stored,
    passthrough,
    e820Host: stored.e820Host || step.passthrough,
    hostdevs: [...kept, ...added],
  });
}

function instanceOf(model: Model, { uuid, domid }: Guest): Domain {
  const domain = model.dom0.domains.get(uuid);
  if (domain?.instance?.domid !== domid) throw new Error(`domain ${domid} is gone`);
  return domain;
}

function ownHostdev(address: Address, permissive: boolean): Hostdev {
  const alias = `ua-xenpci-${address.replaceAll(/[:.]/g, '-')}`;
  return { address, permissive, managed: false, alias, driverNamed: true };
}

function check({ ok, log }: Outcome): void {
  if (!ok) throw new Error(log.join('\n'));
}
