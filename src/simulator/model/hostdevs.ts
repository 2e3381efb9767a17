import type { Address } from '../../api/address.ts';
import { hasReset, PCIBACK } from './device.ts';
import type { Dom0 } from './dom0.ts';
import type { Hostdev } from './domain.ts';
import { internalError, operationInvalid } from './refusal.ts';

/** libvirt's own lists of the host's devices: those in use and those on pciback, and what it checks before it gives one away (virhostdev.c). */
export class HostdevLists {
  readonly #dom0: Dom0;
  /** Whose it is, as libvirt believes; xl's doings are not in it. */
  readonly #active = new Map<Address, string>();
  /** What it has once found on pciback. That xl gives a device back to the host does not show in it. */
  readonly #inactive = new Set<Address>();

  constructor(dom0: Dom0) {
    this.#dom0 = dom0;
  }

  /** The domain that libvirt believes to have a device. */
  user(address: Address): string | undefined {
    return this.#active.get(address);
  }

  /**
   * Checks all, resets all, then lists all as in use.
   * @throws {LibvirtRefusal} and lists none.
   */
  prepare(domain: string, hostdevs: readonly Hostdev[]): void {
    for (const { address } of hostdevs) this.#check(address);
    for (const { address } of hostdevs) this.#reset(address);
    for (const { address } of hostdevs) this.#active.set(address, domain);
  }

  /** Takes devices off the list again. */
  release(hostdevs: readonly Hostdev[]): void {
    for (const { address } of hostdevs) this.#active.delete(address);
  }

  /** As after a restart of the daemon: only the live definitions count. */
  rebuild(live: Iterable<readonly [string, readonly Hostdev[]]>): void {
    this.#active.clear();
    this.#inactive.clear();
    for (const [domain, hostdevs] of live) for (const { address } of hostdevs) this.#active.set(address, domain);
  }

  #check(address: Address): void {
    const user = this.#active.get(address);
    if (user !== undefined) {
      throw operationInvalid(`PCI device ${address} is in use by driver xenlight, domain ${user}`);
    }
    const device = this.#dom0.present(address);
    // libvirt passes over a device that does not exist, and leaves the refusal to libxl.
    if (device === undefined || this.#inactive.has(address)) return;
    if (device.driver !== PCIBACK) {
      throw operationInvalid(`Unmanaged PCI device ${address} must be manually detached from the host`);
    }
    this.#inactive.add(address);
  }

  #reset(address: Address): void {
    const device = this.#dom0.present(address);
    if (device === undefined) return;
    if (!hasReset(device)) {
      throw internalError(`Unable to reset PCI device ${address}: no FLR, PM reset or bus reset available`);
    }
    // FLR is left to the hypervisor; any other reset happens now, whoever has the device (virPCIDeviceReset).
    if (device.holder !== undefined && device.spec.resetMethods?.includes('flr') !== true) {
      this.#dom0.violate(`libvirt reset ${address} while domain ${device.holder} has it`);
    }
  }
}
