import { type FSWatcher, readFileSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAddress } from '../api/address.ts';
import type { Device } from './model/device.ts';
import type { Dom0 } from './model/dom0.ts';
import { bindDriver, overrideDriver, probeDriver, unbindDriver } from './model/kernel.ts';

/**
 * Does what the kernel does when somebody writes to sysfs: `bind` and `unbind` of a driver, `drivers_probe` of the bus,
 * `driver_override` of a device. Unlike in the kernel the effect comes a moment after the write.
 */
export class SysfsWrites {
  readonly #bus: string;
  readonly #dom0: Dom0;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #endListening: () => void;

  /** @param root where sysfs is mounted; the tree must be there. */
  constructor(root: string, dom0: Dom0) {
    this.#bus = join(root, 'bus/pci');
    this.#dom0 = dom0;
    this.#watch(this.#bus, name => name === 'drivers_probe' && this.#probe());
    for (const device of dom0.devices.values()) this.#watchDevice(device);
    this.#endListening = dom0.listen({ deviceChanged: device => this.#watchDevice(device) });
  }

  /** What is written from now on has no effect. */
  close(): void {
    this.#endListening();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watchDevice(device: Device): void {
    for (const driver of ['pciback', device.spec.homeDriver]) {
      if (driver !== undefined) this.#watch(join(this.#bus, 'drivers', driver), name => this.#driverFile(driver, name));
    }
    const folder = join(this.#bus, 'devices', device.spec.address);
    if (device.present) this.#watch(folder, name => name === 'driver_override' && this.#override(device, folder));
    else this.#unwatch(folder);
  }

  #driverFile(driver: string, name: string): void {
    if (name !== 'bind' && name !== 'unbind') return;
    const device = this.#taken(join(this.#bus, 'drivers', driver, name));
    if (device === undefined) return;
    if (name === 'bind') bindDriver(this.#dom0, device, driver);
    else if (device.driver === driver) unbindDriver(this.#dom0, device);
  }

  #probe(): void {
    const device = this.#taken(join(this.#bus, 'drivers_probe'));
    if (device !== undefined) probeDriver(this.#dom0, device);
  }

  #override(device: Device, folder: string): void {
    const path = join(folder, 'driver_override');
    // A shorter text leaves the end of the old one behind it; the first line is what was written.
    const [text = ''] = readText(path).split('\n');
    const driver = text === '' || text === '(null)' ? undefined : text;
    if (driver === device.driverOverride || !device.present) return;
    writeFileSync(path, `${driver ?? '(null)'}\n`);
    overrideDriver(this.#dom0, device, driver);
  }

  /** The device whose address was written to a file, which is empty again afterwards. */
  #taken(path: string): Device | undefined {
    const address = parseAddress(readText(path).trim());
    if (address === undefined) return undefined;
    truncateSync(path);
    return this.#dom0.present(address);
  }

  #watch(folder: string, written: (name: string) => void): void {
    if (this.#watchers.has(folder)) return;
    const watcher = watch(folder, (_event, name) => void written(name ?? ''));
    // A folder that goes away ends its watch; that is no error.
    watcher.on('error', () => this.#unwatch(folder));
    this.#watchers.set(folder, watcher);
  }

  #unwatch(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}

/** A file that has gone in the meantime, with its device or with the whole tree, says nothing. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
