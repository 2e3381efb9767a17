import { assignableAdd } from './assignable.ts';
import { closeBus, connect, isLeaving, listEntries } from './backend.ts';
import { Dom0 } from './dom0.ts';
import { type Definition, type Domain, type DomainSpec, EMPTY_DEFINITION, plainHostdev } from './domain.ts';
import { LIBVIRT_9_0, Libvirt, StoppedDetail } from './libvirt.ts';
import { createInstance, destroyInstance } from './libxl.ts';
import type { Outcome } from './libxl-outcome.ts';
import type { World } from './world.ts';

/** A whole simulated dom0 in memory: synchronous, without I/O, and cheap to make. */
export class Model {
  readonly dom0: Dom0;
  readonly libvirt: Libvirt;

  constructor(world: World) {
    this.dom0 = new Dom0(world.devices, world.bootId);
    this.libvirt = new Libvirt(this.dom0, world.libvirtVersion ?? LIBVIRT_9_0);
    for (const spec of world.domains) this.#add(spec);
    this.settle();
  }

  /** The domain with this name. @throws {RangeError} where there is none: a test's mistake. */
  domain(name: string): Domain {
    const domain = this.dom0.byName(name);
    if (domain === undefined) throw new RangeError(`no domain ${JSON.stringify(name)}`);
    return domain;
  }

  /** Guests answer what dom0 has begun: pending attaches are connected. A paused or crashed guest answers nothing. */
  settle(): void {
    for (const { name, type, instance } of this.dom0.domains.values()) {
      if (instance === undefined) continue;
      // A device that is being taken from a guest that refuses stays as it is.
      const answers = !(
        instance.paused ||
        instance.crashed ||
        instance.busHangs ||
        (instance.refuses && isLeaving(this.dom0.store, instance.domid))
      );
      connect(this.dom0.store, { domid: instance.domid, name, type }, answers);
    }
  }

  /** Starts a defined domain through libvirt. @throws {LibvirtRefusal} */
  start(name: string): void {
    this.libvirt.start(this.domain(name));
  }

  /** Ends a domain, whoever made it, as `destroy` of its toolstack does. */
  destroy(name: string): void {
    this.#stop(this.domain(name), StoppedDetail.destroyed);
  }

  /** Stops a guest's processors, or lets them run on, as `virsh suspend` and `resume` do. */
  setPaused(name: string, paused: boolean): void {
    this.libvirt.setPaused(this.domain(name), paused);
  }

  /** From now on the guest lets go of no device, or does again; what it was asked meanwhile it does then. */
  setRefusing(name: string, refuses: boolean): void {
    const { instance } = this.domain(name);
    if (instance === undefined) throw new RangeError(`${name} does not run`);
    instance.refuses = refuses;
    this.dom0.instancesChanged();
  }

  /** The guest powers itself off. */
  powerOff(name: string): void {
    this.#stop(this.domain(name), StoppedDetail.shutdown);
  }

  /** The kernel of a PV guest closes its PCI bus, as when its driver of that bus is taken from it. */
  closeBus(name: string): void {
    const { instance } = this.domain(name);
    if (instance === undefined) throw new RangeError(`${name} does not run`);
    instance.busHangs = true;
    closeBus(this.dom0.store, instance.domid);
    this.dom0.instancesChanged();
  }

  /** The guest's kernel crashes. */
  crash(name: string): void {
    const domain = this.domain(name);
    if (domain.toolstack === 'libvirt') this.libvirt.crash(domain);
    else this.#stop(domain, StoppedDetail.crashed);
  }

  /** The guest restarts itself. A domain of xl keeps the devices it has: xl restarts it from what libxl recorded. */
  reboot(name: string): void {
    const domain = this.domain(name);
    if (domain.toolstack === 'libvirt') this.libvirt.reboot(domain);
    else this.#rebootByXl(domain);
  }

  /** Makes a domain as `xl create` does: libvirt does not see it, and nothing of it is stored. */
  createByXl(spec: Omit<DomainSpec, 'toolstack' | 'running'>): Outcome {
    const domain: Domain = {
      name: spec.name,
      uuid: spec.uuid,
      type: spec.type ?? 'pv',
      toolstack: 'xl',
      stored: undefined,
      instance: undefined,
    };
    this.dom0.domains.set(domain.uuid, domain);
    const outcome = createInstance(this.dom0, domain, definitionOf(spec));
    if (!outcome.ok) this.dom0.domains.delete(domain.uuid);
    return outcome;
  }

  #stop(domain: Domain, detail: number): void {
    if (domain.toolstack === 'libvirt') {
      this.libvirt.stop(domain, detail);
      return;
    }
    destroyInstance(this.dom0, domain);
    this.dom0.domains.delete(domain.uuid);
  }

  #rebootByXl(domain: Domain): void {
    if (domain.instance === undefined) return;
    const { passthrough, domid } = domain.instance;
    const held = listEntries(this.dom0.store, domid).filter(
      address => this.dom0.devices.get(address)?.holder === domid,
    );
    const hostdevs = held.map(plainHostdev);
    destroyInstance(this.dom0, domain);
    createInstance(this.dom0, domain, { ...EMPTY_DEFINITION, passthrough, hostdevs });
  }

  #add(spec: DomainSpec): void {
    if (spec.running === true) for (const address of spec.devices ?? []) assignableAdd(this.dom0, address);
    if (spec.toolstack === 'xl') {
      this.createByXl(spec);
      return;
    }
    const { name, uuid, type = 'pv' } = spec;
    const domain = this.libvirt.define({ name, uuid, type }, definitionOf(spec));
    if (spec.running === true) this.libvirt.start(domain);
  }
}

function definitionOf(spec: DomainSpec): Definition {
  const hostdevs = (spec.devices ?? []).map(plainHostdev);
  const { passthrough = false } = spec;
  return { ...EMPTY_DEFINITION, passthrough, e820Host: passthrough, hostdevs };
}
