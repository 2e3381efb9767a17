import type { Address } from '../../api/address.ts';
import { type Device, type DeviceSpec, PCIBACK } from './device.ts';
import type { Dom0 } from './dom0.ts';

/** Takes a device from its driver, as a write to sysfs `unbind` does. Leaving pciback ends `permissive`. */
export function unbindDriver(dom0: Dom0, device: Device): void {
  if (device.driver === PCIBACK) {
    device.permissive = false;
    if (device.holder !== undefined) {
      dom0.violate(`${device.spec.address} left pciback while domain ${device.holder} has it`);
    }
  }
  device.driver = undefined;
  dom0.deviceChanged(device);
}

/**
 * Binds a device that has no driver, as a write to sysfs `bind` does. A driver binds also to a quarantined device, and
 * then fails: xenstore and sysfs do not show it, only the kernel's log does.
 * @returns false when the device is bound already, or the driver does not fit.
 */
export function bindDriver(dom0: Dom0, device: Device, driver: string): boolean {
  if (device.driver !== undefined) return false;
  if (!fits(device, driver)) return false;
  if (driver !== PCIBACK && device.holder !== undefined) {
    dom0.violate(`${device.spec.address} bound to ${driver} while domain ${device.holder} has it`);
  }
  device.driver = driver;
  dom0.deviceChanged(device);
  return true;
}

function fits(device: Device, driver: string): boolean {
  if (device.driverOverride !== undefined) return driver === device.driverOverride;
  return driver === PCIBACK || driver === device.spec.homeDriver;
}

/**
 * host to assignable as `virsh nodedev-detach` does it: bound to pciback by `driver_override`, but not in quarantine,
 * and nobody notes which driver it had.
 */
export function nodedevDetach(dom0: Dom0, device: Device): void {
  if (device.driver !== undefined) unbindDriver(dom0, device);
  device.driverOverride = PCIBACK;
  bindDriver(dom0, device, PCIBACK);
}

/** Writes sysfs `driver_override`; empty takes it back. */
export function overrideDriver(dom0: Dom0, device: Device, driver: string | undefined): void {
  device.driverOverride = driver;
  dom0.deviceChanged(device);
}

/** Gives a device without a driver to the one that fits, as a write to sysfs `drivers_probe` does. */
export function probeDriver(dom0: Dom0, device: Device): void {
  const driver = device.driverOverride ?? device.spec.homeDriver;
  if (driver !== undefined) bindDriver(dom0, device, driver);
}

/**
 * The card is pulled, or dies. A guest that had it keeps its entry in xenstore.
 * Not seen on real Xen yet: what remains in xenstore when a device goes.
 */
export function unplug(dom0: Dom0, address: Address): void {
  const device = dom0.present(address);
  if (device === undefined) return;
  device.present = false;
  device.driver = undefined;
  device.driverOverride = undefined;
  device.permissive = false;
  device.quarantined = false;
  device.holder = undefined;
  dom0.deviceChanged(device);
}

/**
 * A card is put in: the one that was there, or another. It starts on its dom0 driver.
 * @returns false when the slot does not exist or is occupied.
 */
export function plug(
  dom0: Dom0,
  address: Address,
  card: Partial<Omit<DeviceSpec, 'address' | 'parent'>> = {},
): boolean {
  const device = dom0.devices.get(address);
  if (device === undefined || device.present) return false;
  device.spec = { ...device.spec, ...card };
  device.present = true;
  device.insertions += 1;
  device.driver = device.spec.homeDriver;
  dom0.deviceChanged(device);
  return true;
}
