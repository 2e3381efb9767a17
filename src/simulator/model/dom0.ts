import type { Address } from '../../api/address.ts';
import { bootDevice, type Device, type DeviceSpec } from './device.ts';
import type { Domain } from './domain.ts';
import { Store } from './store.ts';

/** Told of what changes outside xenstore. */
export interface Dom0Listener {
  /** A device's driver, presence or card. */
  deviceChanged?(device: Device): void;
  /** A domain was created or ended, or its devices changed. */
  instancesChanged?(): void;
}

/** The state of a simulated dom0: all that its hypervisor, kernel and xenstore know. Nothing in it does I/O. */
export class Dom0 {
  readonly devices: ReadonlyMap<Address, Device>;
  /** By UUID, in the order they were made. */
  readonly domains: Map<string, Domain> = new Map();
  readonly store: Store = new Store();
  readonly bootId: string;
  /** What must never happen and did, in words: two owners at once, a reset under a running guest. */
  readonly violations: string[] = [];
  readonly #listeners = new Set<Dom0Listener>();
  #nextDomid = 1;

  constructor(devices: readonly DeviceSpec[], bootId = '6f1ed5c2-0d3c-4c07-9f4e-3c6ad9cf6d11') {
    this.devices = new Map(devices.map(spec => [spec.address, bootDevice(spec)]));
    this.bootId = bootId;
    this.store.write('/local/domain/0/name', 'Domain-0');
    this.store.write('/local/domain/0/domid', '0');
  }

  /** The device, if it is there at this moment. */
  present(address: Address): Device | undefined {
    const device = this.devices.get(address);
    return device?.present === true ? device : undefined;
  }

  /** The running domain with this id. */
  byDomid(domid: number): Domain | undefined {
    return [...this.domains.values()].find(domain => domain.instance?.domid === domid);
  }

  /** The domain with this name; libvirt and xl may each have one, the first made comes first. */
  byName(name: string): Domain | undefined {
    return [...this.domains.values()].find(domain => domain.name === name);
  }

  /** Numbers are never used twice in one boot. */
  takeDomid(): number {
    const domid = this.#nextDomid;
    this.#nextDomid += 1;
    return domid;
  }

  /** Records what must never happen. */
  violate(what: string): void {
    this.violations.push(what);
  }

  /** @returns a function that ends it. */
  listen(listener: Dom0Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  deviceChanged(device: Device): void {
    for (const listener of this.#listeners) listener.deviceChanged?.(device);
  }

  instancesChanged(): void {
    for (const listener of this.#listeners) listener.instancesChanged?.();
  }
}
