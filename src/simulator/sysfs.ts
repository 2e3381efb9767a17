import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { addressParts } from '../api/address.ts';
import { type Device, PCIBACK } from './model/device.ts';
import type { Dom0 } from './model/dom0.ts';

/** Files of a driver's folder; what is written to the first two has an effect. */
const DRIVER_FILES = ['bind', 'unbind', 'new_id', 'remove_id'] as const;
const PCIBACK_FILES = ['new_slot', 'remove_slot', 'slots', 'permissive', 'quirks'] as const;

/** Keeps a folder tree that shows the model's PCI devices as Linux's sysfs does. */
export class Sysfs {
  readonly #bus: string;
  readonly #devices: string;
  readonly #dom0: Dom0;
  readonly #endListening: () => void;

  /** Makes the tree. @param root where sysfs is mounted. @throws what the file system fails with. */
  constructor(root: string, dom0: Dom0) {
    this.#bus = join(root, 'bus/pci');
    this.#devices = join(root, 'devices');
    this.#dom0 = dom0;
    mkdirSync(join(this.#bus, 'devices'), { recursive: true });
    writeFileSync(join(this.#bus, 'drivers_probe'), '');
    this.#makeDriver(PCIBACK);
    for (const device of dom0.devices.values()) this.#show(device);
    this.#showPciback();
    this.#endListening = dom0.listen({ deviceChanged: device => this.#update(device) });
  }

  /** The tree stays as it is from now on. */
  close(): void {
    this.#endListening();
  }

  #update(device: Device): void {
    this.#hide(device, device.present);
    if (device.present) this.#show(device);
    this.#showPciback();
  }

  #show(device: Device): void {
    const { spec, driver } = device;
    const folder = this.#folder(device);
    if (spec.homeDriver !== undefined) this.#makeDriver(spec.homeDriver);
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of attributes(device)) writeIfNew(join(folder, name), `${text}\n`);
    link(folder, join(this.#bus, 'devices', spec.address));
    if (driver === undefined) return;
    link(join(this.#bus, 'drivers', driver), join(folder, 'driver'));
    link(folder, join(this.#bus, 'drivers', driver, spec.address));
  }

  /** Takes away the links to the driver, and the device itself when it has gone or is another card. */
  #hide(device: Device, stays: boolean): void {
    const folder = this.#folder(device);
    for (const name of this.#driverNames())
      rmSync(join(this.#bus, 'drivers', name, device.spec.address), { force: true });
    rmSync(join(folder, 'driver'), { force: true });
    if (stays) return;
    rmSync(join(this.#bus, 'devices', device.spec.address), { force: true });
    rmSync(folder, { recursive: true, force: true });
  }

  /** pciback's own lists: the devices it has, and those whose guests may write all of their config space. */
  #showPciback(): void {
    const devices = [...this.#dom0.devices.values()].filter(({ driver }) => driver === PCIBACK);
    const lines = (list: readonly Device[]): string => list.map(({ spec }) => `${spec.address}\n`).join('');
    const folder = join(this.#bus, 'drivers', PCIBACK);
    writeIfNew(join(folder, 'slots'), lines(devices));
    writeIfNew(join(folder, 'permissive'), lines(devices.filter(({ permissive }) => permissive)));
  }

  #makeDriver(name: string): void {
    const folder = join(this.#bus, 'drivers', name);
    mkdirSync(folder, { recursive: true });
    const files = name === PCIBACK ? [...DRIVER_FILES, ...PCIBACK_FILES] : DRIVER_FILES;
    for (const file of files) writeFileSync(join(folder, file), '', { flag: 'a' });
  }

  #driverNames(): Set<string> {
    const names = [...this.#dom0.devices.values()].flatMap(({ spec }) => spec.homeDriver ?? []);
    return new Set([PCIBACK, ...names]);
  }

  /** Bridges contain what is behind them. */
  #folder(device: Device): string {
    const { address, parent } = device.spec;
    const bridge = parent === undefined ? undefined : this.#dom0.devices.get(parent);
    if (bridge !== undefined) return join(this.#folder(bridge), address);
    const { segment, bus } = addressParts(address);
    return join(this.#devices, `pci${hex(segment, 4)}:${hex(bus, 2)}`, address);
  }
}

function attributes({ spec, driverOverride }: Device): [string, string][] {
  const { identity, programmingInterface = '00', revision = '00', resetMethods = [], secondaryBus } = spec;
  return [
    ['vendor', `0x${identity.vendor}`],
    ['device', `0x${identity.device}`],
    ['subsystem_vendor', `0x${identity.subsystemVendor ?? '0000'}`],
    ['subsystem_device', `0x${identity.subsystemDevice ?? '0000'}`],
    ['class', `0x${identity.class ?? '0000'}${programmingInterface}`],
    ['revision', `0x${revision}`],
    ['driver_override', driverOverride ?? '(null)'],
    // A device that cannot be reset has no such file.
    ...(resetMethods.length === 0 ? [] : [['reset_method', resetMethods.join(' ')] satisfies [string, string]]),
    ...(secondaryBus === undefined ? [] : [['secondary_bus_number', String(secondaryBus)] satisfies [string, string]]),
  ];
}

/** A relative link, as sysfs has them. */
function link(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(relative(dirname(path), target), path);
}

/** Writing what is there already would wake whoever watches the file. */
function writeIfNew(path: string, text: string): void {
  if (readText(path) !== text) writeFileSync(path, text);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}
