import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type Address, addressParts } from '../api/address.ts';
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
  readonly #drivers = new Set<string>();
  /** The driver that each device is linked to. */
  readonly #shown = new Map<Address, string>();
  /**
   * The folder of each device's last card, kept open after the card was pulled: as long as it is, no other folder gets its
   * number, as in sysfs, where none ever does.
   */
  readonly #pulled = new Map<Address, number>();
  /** What stands in the files: writing it again would wake whoever watches them. */
  readonly #written = new Map<string, string>();

  /** Makes the tree. @param root where sysfs is mounted. @throws what the file system fails with. */
  constructor(root: string, dom0: Dom0) {
    this.#bus = join(root, 'bus/pci');
    this.#devices = join(root, 'devices');
    this.#dom0 = dom0;
    // An earlier run may have left other devices.
    for (const folder of [this.#bus, this.#devices]) rmSync(folder, { recursive: true, force: true });
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
    for (const folder of this.#pulled.values()) closeSync(folder);
    this.#pulled.clear();
  }

  #update(device: Device): void {
    const folder = this.#folder(device);
    const shown = this.#shown.get(device.spec.address);
    // Links that are right stay: whoever reads meanwhile must not find a device without its driver.
    if (shown !== undefined && shown !== device.driver) this.#unlinkDriver(device, folder, shown);
    if (device.present) this.#show(device);
    else this.#remove(device, folder);
    this.#showPciback();
  }

  #show(device: Device): void {
    const { spec, driver } = device;
    const folder = this.#folder(device);
    if (spec.homeDriver !== undefined) this.#makeDriver(spec.homeDriver);
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of attributes(device)) this.#write(join(folder, name), `${text}\n`);
    link(folder, join(this.#bus, 'devices', spec.address));
    if (driver === undefined || this.#shown.get(spec.address) === driver) return;
    link(join(this.#bus, 'drivers', driver), join(folder, 'driver'));
    link(folder, join(this.#bus, 'drivers', driver, spec.address));
    this.#shown.set(spec.address, driver);
  }

  #unlinkDriver({ spec }: Device, folder: string, driver: string): void {
    rmSync(join(this.#bus, 'drivers', driver, spec.address), { force: true });
    rmSync(join(folder, 'driver'), { force: true });
    this.#shown.delete(spec.address);
  }

  #remove({ spec }: Device, folder: string): void {
    if (!existsSync(folder)) return;
    rmSync(join(this.#bus, 'devices', spec.address), { force: true });
    const earlier = this.#pulled.get(spec.address);
    this.#pulled.set(spec.address, openSync(folder, 'r'));
    if (earlier !== undefined) closeSync(earlier);
    rmSync(folder, { recursive: true, force: true });
    for (const path of this.#written.keys()) if (path.startsWith(`${folder}/`)) this.#written.delete(path);
  }

  /** pciback's own lists: the devices it has, and those whose guests may write all of their config space. */
  #showPciback(): void {
    const devices = [...this.#dom0.devices.values()].filter(({ driver }) => driver === PCIBACK);
    const lines = (list: readonly Device[]): string => list.map(({ spec }) => `${spec.address}\n`).join('');
    const folder = join(this.#bus, 'drivers', PCIBACK);
    this.#write(join(folder, 'slots'), lines(devices));
    this.#write(join(folder, 'permissive'), lines(devices.filter(({ permissive }) => permissive)));
  }

  #write(path: string, text: string): void {
    if (this.#written.get(path) === text) return;
    writeFileSync(path, text);
    this.#written.set(path, text);
  }

  #makeDriver(name: string): void {
    if (this.#drivers.has(name)) return;
    this.#drivers.add(name);
    const folder = join(this.#bus, 'drivers', name);
    mkdirSync(folder, { recursive: true });
    const files = name === PCIBACK ? [...DRIVER_FILES, ...PCIBACK_FILES] : DRIVER_FILES;
    for (const file of files) writeFileSync(join(folder, file), '', { flag: 'a' });
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

/** A relative link, as sysfs has them. One that is right already stays. */
function link(target: string, path: string): void {
  const text = relative(dirname(path), target);
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    if (readlinkSync(path) === text) return;
    rmSync(path);
  }
  symlinkSync(text, path);
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}
