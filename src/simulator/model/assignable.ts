import type { Address } from '../../api/address.ts';
import { type Device, PCIBACK } from './device.ts';
import type { Dom0 } from './dom0.ts';
import { bindDriver, unbindDriver } from './kernel.ts';
import { done, failed, logLine, notesPath, type Outcome } from './libxl-outcome.ts';

/** host to assignable, with quarantine: `xl pci-assignable-add`. */
export function assignableAdd(dom0: Dom0, address: Address): Outcome {
  const at = '705:libxl__device_pci_assignable_add';
  const device = dom0.present(address);
  if (device === undefined) {
    const path = `/sys/bus/pci/devices/${address}`;
    return failed(logLine('error', at, `Couldn't lstat ${path}: No such file or directory`));
  }
  const log: string[] = [];
  if (device.driver === PCIBACK) log.push(logLine('warning', at, `${address} already assigned to pciback`));
  else log.push(...seize(dom0, device));
  if (device.holder !== undefined) {
    // By Xen's source the hypervisor answers EBUSY.
    return failed(...log, logLine('error', at, `failed to quarantine ${address}: Device or resource busy`));
  }
  device.quarantined = true;
  return done(...log);
}

/** Takes a device from its dom0 driver and records which one that was. */
function seize(dom0: Dom0, device: Device): string[] {
  const { address } = device.spec;
  const note = `${notesPath(address)}/driver_path`;
  const log: string[] = [];
  if (device.driver !== undefined) {
    dom0.store.write(note, `/sys/bus/pci/drivers/${device.driver}`);
    unbindDriver(dom0, device);
  } else if (dom0.store.read(note) === undefined) {
    const text = `${address} not bound to a driver, will not be rebound.`;
    log.push(logLine('warning', '741:libxl__device_pci_assignable_add', text));
  }
  // pciback takes what is written to its new_slot, whatever driver_override says.
  device.driverOverride = undefined;
  bindDriver(dom0, device, PCIBACK);
  return log;
}

/** assignable to host: `xl pci-assignable-remove`, with `rebind` for `-r`. */
export function assignableRemove(dom0: Dom0, address: Address, rebind: boolean): Outcome {
  const at = '815:libxl__device_pci_assignable_remove';
  const device = dom0.present(address);
  // The hypervisor takes back from DOM_IO only what DOM_IO has: not what a guest has, and not what was never in
  // quarantine, as after `nodedev-detach`.
  if (device === undefined || !device.quarantined) {
    return failed(logLine('error', at, `failed to de-quarantine ${address}`));
  }
  device.quarantined = false;
  const log: string[] = [];
  if (device.driver === PCIBACK) unbindDriver(dom0, device);
  else log.push(logLine('warning', at, 'Not bound to pciback'));
  return rebind ? rebindHome(dom0, device, log) : done(...log);
}

function rebindHome(dom0: Dom0, device: Device, log: readonly string[]): Outcome {
  const at = '845:libxl__device_pci_assignable_remove';
  const note = `${notesPath(device.spec.address)}/driver_path`;
  const driverPath = dom0.store.read(note);
  if (driverPath === undefined) {
    return done(...log, logLine('warning', at, "Couldn't find path for original driver; not rebinding"));
  }
  const rebinding = logLine('info', at, `Rebinding to driver at ${driverPath}`);
  if (!bindDriver(dom0, device, driverPath.slice(driverPath.lastIndexOf('/') + 1))) {
    return failed(...log, rebinding, logLine('error', at, `Couldn't bind device to ${driverPath}: No such device`));
  }
  dom0.store.remove(note);
  return done(...log, rebinding);
}

/** The devices that `xl pci-assignable-list` shows: on pciback, and not marked as some domain's. */
export function assignableList(dom0: Dom0): Address[] {
  return [...dom0.devices.values()].filter(device => isAssignable(dom0, device)).map(device => device.spec.address);
}

/** Whether a guest can be given it. */
export function isAssignable(dom0: Dom0, device: Device): boolean {
  const marked = dom0.store.read(`${notesPath(device.spec.address)}/domid`) !== undefined;
  return device.present && device.driver === PCIBACK && !marked;
}
