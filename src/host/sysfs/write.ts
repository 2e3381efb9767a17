import { constants, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '../../api/address.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { isGone, readSmallFile } from '../small-file.ts';
import { PCIBACK } from './sysfs.ts';

/** Bytes of `driver_override`: at most one page. */
const ATTRIBUTE_MAX = 4096;
/** Names of drivers as the kernel has them; a slash could lead anywhere. */
const DRIVER_NAME = /^[\w+:-][\w.+:-]{0,63}$/;

/**
 * Takes back the order to bind a device to pciback and nothing else, which `virsh nodedev-detach` leaves behind: with
 * it no other driver can have the device. Without one the file says `(null)`.
 * @throws {HostError} StepFailed when it cannot be written, Unreachable when it cannot be read.
 */
export async function clearOverride(sysfs: string, address: Address): Promise<void> {
  const path = join(sysfs, 'bus/pci/devices', address, 'driver_override');
  const override = await readSmallFile(path, ATTRIBUTE_MAX);
  if (override?.trim() === PCIBACK) await write(path, '\n');
}

/**
 * Binds a device that has no driver to the one named; a driver that is not loaded is left to the kernel's own choice.
 * @throws {HostError} StepFailed when the kernel refuses, or the name is no driver's.
 */
export async function bindDriver(sysfs: string, address: Address, driver: string): Promise<void> {
  if (!DRIVER_NAME.test(driver)) throw new HostError('StepFailed', `${JSON.stringify(driver)} is no name of a driver`);
  const bus = join(sysfs, 'bus/pci');
  try {
    await write(join(bus, 'drivers', driver, 'bind'), address);
  } catch (error) {
    if (!(error instanceof HostError && isGone(error.cause))) throw error;
    await probeDrivers(sysfs, address);
  }
}

/**
 * Lets the kernel choose a driver for a device that has none. That none fits is no error.
 * @throws {HostError} StepFailed when the kernel refuses.
 */
export async function probeDrivers(sysfs: string, address: Address): Promise<void> {
  await write(join(sysfs, 'bus/pci/drivers_probe'), address);
}

async function write(path: string, text: string): Promise<void> {
  try {
    // Not made when it is not there, and not opened for reading: `bind` may only be written, even by root.
    const attribute = await open(path, constants.O_WRONLY);
    try {
      await attribute.write(text);
    } finally {
      await attribute.close();
    }
  } catch (error) {
    const message = `cannot write ${JSON.stringify(text)} to ${path}: ${messageOf(error)}`;
    throw new HostError('StepFailed', message, { cause: error });
  }
}
