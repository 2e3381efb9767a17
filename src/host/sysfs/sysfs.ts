import { readlinkSync, realpathSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Address, parseAddress } from '../../api/address.ts';
import type { Identity } from '../../api/identity.ts';
import type { PciPath } from '../../api/path.ts';
import { HostError } from '../../controller/ports.ts';
import { errorText, isGone, readAttribute, readFirstBytes, readSmallFile } from '../small-file.ts';
import { bridgeChain, chainToPath } from './pci-path.ts';

/** The driver that keeps a device for guests. */
export const PCIBACK = 'pciback';

/** Bytes of an attribute: sysfs gives one page at most (Linux Documentation/filesystems/sysfs.rst). */
const ATTRIBUTE_MAX = 4096;

/** What does not change while a device is plugged in. */
interface Card {
  readonly path: PciPath;
  readonly identity: Identity;
  /** The programming interface of its class, two hex digits. */
  readonly progIf: string;
  /** A virtual function of SR-IOV. */
  readonly virtual?: true;
}

/** One PCI function as sysfs shows it. */
export interface SysfsDevice extends Card {
  readonly address: Address;
  readonly driver?: string;
  readonly resetMethods: readonly string[];
  /** Its config space reads all ones: it is dead, or its link is down. */
  readonly silent?: true;
}

/** The PCI functions of the host, from a sysfs tree. */
export class SysfsPci {
  readonly #devices: string;
  readonly #drivers: string;
  #cards: Map<Address, { readonly key: string; readonly card: Card }> = new Map();

  /** @param sysfs where sysfs is mounted. */
  constructor(sysfs: string) {
    this.#devices = join(sysfs, 'bus/pci/devices');
    this.#drivers = join(sysfs, 'bus/pci/drivers');
  }

  /**
   * All functions. One that vanishes during the look, or whose name is no address, is left out.
   * @throws {HostError} Unreachable when the folder or an attribute cannot be read.
   */
  async list(): Promise<SysfsDevice[]> {
    const names = await this.#names();
    const found = await Promise.all(names.map(address => this.device(address)));
    const present = new Set(names);
    for (const address of this.#cards.keys()) if (!present.has(address)) this.#cards.delete(address);
    return found.filter(device => device !== undefined);
  }

  /**
   * One function, driver and reset methods read afresh.
   * @returns undefined when it is not there.
   * @throws {HostError} Unreachable when an attribute cannot be read.
   */
  async device(address: Address): Promise<SysfsDevice | undefined> {
    const folder = join(this.#devices, address);
    const [card, silent] = await Promise.all([this.#card(address, folder), isSilent(folder)]);
    if (card === undefined) return undefined;
    const driver = driverOf(folder);
    const resetMethods = (readAttribute(join(folder, 'reset_method')) ?? '')
      .split(/\s+/)
      .filter(method => method !== '');
    const isDead = silent && card.identity.class?.startsWith('06') !== true;
    return {
      address,
      ...card,
      ...(driver === undefined ? {} : { driver }),
      resetMethods,
      ...(isDead ? { silent: true } : {}),
    };
  }

  /**
   * The functions to which pciback passes every write to their config space.
   * @throws {HostError} Unreachable when its list cannot be read.
   */
  async permissive(): Promise<ReadonlySet<Address>> {
    const text = await readSmallFile(join(this.#drivers, PCIBACK, 'permissive'), ATTRIBUTE_MAX);
    const addresses = (text ?? '').split(/\s+/).map(parseAddress);
    return new Set(addresses.filter(address => address !== undefined));
  }

  async #names(): Promise<Address[]> {
    try {
      const names = await readdir(this.#devices);
      // A name in another form than the kernel's canonical one is none of a PCI function.
      return names.map(parseAddress).filter((address, index): address is Address => address === names[index]);
    } catch (error) {
      const message = `cannot list PCI devices in ${this.#devices}: ${errorText(error)}; is sysfs mounted?`;
      throw new HostError('Unreachable', message, { cause: error });
    }
  }

  /** From the cache while the folder is the same one: sysfs numbers a new folder anew when a card is exchanged. */
  async #card(address: Address, folder: string): Promise<Card | undefined> {
    const key = folderKey(folder);
    if (key === undefined) return undefined;
    const cached = this.#cards.get(address);
    if (cached?.key === key) return cached.card;
    const card = await readCard(folder);
    if (card !== undefined) this.#cards.set(address, { key, card });
    return card;
  }
}

function driverOf(folder: string): string | undefined {
  try {
    return basename(readlinkSync(join(folder, 'driver')));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot read the driver of ${folder}: ${errorText(error)}`, { cause: error });
  }
}

function folderKey(folder: string): string | undefined {
  try {
    const { ino, ctimeNs } = statSync(folder, { bigint: true });
    return `${ino}/${ctimeNs}`;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot read ${folder}: ${errorText(error)}`, { cause: error });
  }
}

/**
 * Whether vendor and device read all ones, which no device has (PCI Local Bus Specification 3.0, 6.2.1). sysfs has them
 * from when the device was found, so its config space is asked itself. A device that sleeps is let sleep.
 */
async function isSilent(folder: string): Promise<boolean> {
  const power = readAttribute(join(folder, 'power/runtime_status'));
  if (power?.trim() === 'suspended') return false;
  const ids = await readFirstBytes(join(folder, 'config'), 4);
  return ids?.length === 4 && ids.every(byte => byte === 0xff);
}

async function readCard(folder: string): Promise<Card | undefined> {
  const names = ['vendor', 'device', 'subsystem_vendor', 'subsystem_device', 'class'] as const;
  const [vendor, device, subsystemVendor, subsystemDevice, code] = names.map(name =>
    hexDigits(readAttribute(join(folder, name)), name === 'class' ? 6 : 4),
  );
  const path = await readPath(folder);
  if (path === undefined || vendor === undefined || device === undefined || code === undefined) return undefined;
  const known = subsystemVendor !== undefined && subsystemDevice !== undefined && subsystemVendor !== NO_VENDOR;
  const subsystem = known ? { subsystemVendor, subsystemDevice } : {};
  const virtual = realFolder(join(folder, 'physfn')) !== undefined;
  return {
    path,
    identity: { vendor, device, ...subsystem, class: code.slice(0, 4) },
    progIf: code.slice(4),
    ...(virtual ? { virtual } : {}),
  };
}

/** What functions without subsystem, such as bridges, show in its place. */
const NO_VENDOR = '0000';

function hexDigits(text: string | undefined, width: number): string | undefined {
  const digits = /^0x([0-9a-f]+)\s*$/i.exec(text ?? '')?.[1]?.toLowerCase();
  return digits?.length === width ? digits : undefined;
}

async function readPath(folder: string): Promise<PciPath | undefined> {
  const real = realFolder(folder);
  const chain = real === undefined ? undefined : bridgeChain(real);
  if (real === undefined || chain === undefined) return undefined;
  const buses = new Map<Address, number>();
  let bridge = dirname(real);
  for (const address of chain.slice(0, -1).reverse()) {
    // Asked of the bridge itself. Decimal (Linux drivers/pci/pci-sysfs.c, secondary_bus_number_show).
    const text = await readSmallFile(join(bridge, 'secondary_bus_number'), ATTRIBUTE_MAX);
    if (text !== undefined && /^\d{1,3}\s*$/.test(text)) buses.set(address, Number.parseInt(text, 10));
    bridge = dirname(bridge);
  }
  return chainToPath(chain, address => buses.get(address));
}

function realFolder(folder: string): string | undefined {
  try {
    return realpathSync.native(folder);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot follow ${folder}: ${errorText(error)}`, { cause: error });
  }
}
