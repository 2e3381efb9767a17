import type { Address } from '../../api/address.ts';
import type { Identity } from '../../api/identity.ts';

/** The driver that keeps a device ready for guests, as it is called in sysfs. */
export const PCIBACK = 'pciback';

/** What a device's dom0 driver makes of it, and what dom0 does with that. */
export interface HostUse {
  /** The block device, such as `vda`. */
  readonly disk?: string;
  readonly mountedAt?: string;
  readonly swap?: boolean;
  /** What blkid finds on it, such as `LVM2_member`. */
  readonly member?: string;
  /** The network interface, such as `eth0`. */
  readonly interface?: string;
  /** Its IPv4 address, in a network of 24 bits. */
  readonly address?: string;
  readonly defaultRoute?: boolean;
  /** The bridge that has it as a port. */
  readonly bridge?: string;
}

/** A PCI function as a world describes it. */
export interface DeviceSpec {
  readonly address: Address;
  readonly identity: Identity;
  /** Two hex digits each; `00` when absent. */
  readonly programmingInterface?: string;
  readonly revision?: string;
  /** The dom0 driver that fits the card; a device nobody has a driver for has none. */
  readonly homeDriver?: string;
  /** As in sysfs `reset_method`; a device without any has no such file. */
  readonly resetMethods?: readonly string[];
  /** What dom0 does with it from the start. */
  readonly use?: HostUse;
  /** The bridge it hangs on; a device on the root bus has none. */
  readonly parent?: Address;
  /** The bus behind it, of a bridge. */
  readonly secondaryBus?: number;
}

/** A PCI function as it is now: what sysfs, the kernel and the hypervisor know of it. */
export interface Device {
  /** Another card in the same slot replaces it. */
  spec: DeviceSpec;
  present: boolean;
  /** How often a card was put in: sysfs numbers its folder anew each time. */
  insertions: number;
  /** What dom0 does with it while its own driver has it. */
  use: HostUse;
  /** The driver bound in dom0, pciback included. */
  driver: string | undefined;
  /** sysfs `driver_override`: then no other driver binds. */
  driverOverride: string | undefined;
  /** Owned by the hypervisor's DOM_IO: dom0's driver cannot use it. */
  quarantined: boolean;
  /** pciback lets a guest write all of the config space; stays until the device leaves pciback. */
  permissive: boolean;
  /** The domain id of the guest that has it, by the hypervisor's own books. */
  holder: number | undefined;
}

/** A device as it is after boot: on its own driver. */
export function bootDevice(spec: DeviceSpec): Device {
  return {
    spec,
    present: true,
    insertions: 1,
    use: spec.use ?? {},
    driver: spec.homeDriver,
    driverOverride: undefined,
    quarantined: false,
    permissive: false,
    holder: undefined,
  };
}

/** Whether dom0 can use it: a driver is bound, and the IOMMU lets the device reach dom0's memory. */
export function worksInDom0(device: Device): boolean {
  return (
    device.present &&
    device.driver !== undefined &&
    device.driver !== PCIBACK &&
    !device.quarantined &&
    device.holder === undefined
  );
}

/** Whether libvirt finds a reset that it accepts: FLR, power management or bus (libvirt virPCIDeviceReset). */
export function hasReset(device: Device): boolean {
  const methods = device.spec.resetMethods ?? [];
  return methods.some(method => method === 'flr' || method === 'af_flr' || method === 'pm' || method === 'bus');
}
