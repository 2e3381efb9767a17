import { readlinkSync, realpathSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Address, parseAddress } from '../../api/address.ts';
import type { Identity } from '../../api/identity.ts';
import type { PciPath } from '../../api/path.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { isGone, readAttribute, readFirstBytes } from '../small-file.ts';
import { bridgeChain, chainToPath } from './pci-path.ts';

/** The driver that keeps a device for guests. */
export const PCIBACK = 'pciback';

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
  /** The number of its folder: another one after each time that it was taken out and put back. */
  readonly insertion?: string;
  readonly driver?: string;
  readonly resetMethods: readonly string[];
  /** Its config space reads all ones: it is dead, or its link is down. */
  readonly silent?: true;
}

/** A function that is there, and what the kernel knows of it without asking it. */
interface Known {
  readonly address: Address;
  readonly folder: string;
  readonly card: Card;
  readonly insertion: string;
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
   * @param still what is known of a function and need not be read; all are read when absent.
   * @throws {HostError} Unreachable when the folder or an attribute cannot be read.
   */
  async list(still: (address: Address) => SysfsDevice | undefined = () => undefined): Promise<SysfsDevice[]> {
    const names = await this.#names();
    const known = new Map(names.map(address => [address, still(address)]));
    const read = await this.#read(names.filter(address => known.get(address) === undefined));
    for (const device of read) known.set(device.address, device);
    const present = new Set(names);
    for (const address of this.#cards.keys()) if (!present.has(address)) this.#cards.delete(address);
    return names.map(address => known.get(address)).filter(device => device !== undefined);
  }

  /**
   * One function, driver and reset methods read afresh.
   * @returns undefined when it is not there.
   * @throws {HostError} Unreachable when an attribute cannot be read.
   */
  async device(address: Address): Promise<SysfsDevice | undefined> {
    const [found] = await this.#read([address]);
    return found;
  }

  /**
   * The functions to which pciback passes every write to their config space.
   * @throws {HostError} Unreachable when its list cannot be read.
   */
  async permissive(): Promise<ReadonlySet<Address>> {
    const text = readAttribute(join(this.#drivers, PCIBACK, 'permissive'));
    const addresses = (text ?? '').split(/\s+/).map(parseAddress);
    return new Set(addresses.filter(address => address !== undefined));
  }

  async #names(): Promise<Address[]> {
    try {
      const names = await readdir(this.#devices);
      // A name in another form than the kernel's canonical one is none of a PCI function.
      return names.map(parseAddress).filter((address, index): address is Address => address === names[index]);
    } catch (error) {
      const message = `cannot list PCI devices in ${this.#devices}: ${messageOf(error)}; is sysfs mounted?`;
      throw new HostError('Unreachable', message, { cause: error });
    }
  }

  /** Those that are there, in this order. What asks the devices themselves is asked of all at once. */
  async #read(addresses: readonly Address[]): Promise<SysfsDevice[]> {
    const parts = addresses.map(address => this.#known(address)).filter(part => part !== undefined);
    const silent = await silentOnes(parts);
    return parts.map(part => {
      const { address, card, folder, insertion } = part;
      const driver = driverOf(folder);
      const resetMethods = (readAttribute(`${folder}/reset_method`) ?? '').split(/\s+/).filter(method => method !== '');
      return {
        address,
        ...card,
        insertion,
        ...(driver === undefined ? {} : { driver }),
        resetMethods,
        ...(silent.has(part) ? { silent: true } : {}),
      };
    });
  }

  /** A function that is there, with what the kernel knows of it. */
  #known(address: Address): Known | undefined {
    const folder = join(this.#devices, address);
    const numbers = folderNumbers(folder);
    const card = numbers === undefined ? undefined : this.#card(address, folder, numbers.key);
    return numbers === undefined || card === undefined ? undefined : { address, folder, card, ...numbers };
  }

  /** From the cache while the folder is the same one: sysfs numbers a new folder anew when a card is exchanged. */
  #card(address: Address, folder: string, key: string): Card | undefined {
    const cached = this.#cards.get(address);
    if (cached?.key === key) return cached.card;
    const card = readCard(folder);
    if (card !== undefined) this.#cards.set(address, { key, card });
    return card;
  }
}

function driverOf(folder: string): string | undefined {
  try {
    return basename(readlinkSync(join(folder, 'driver')));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot read the driver of ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

function folderNumbers(folder: string): { readonly insertion: string; readonly key: string } | undefined {
  try {
    const { ino, ctimeNs } = statSync(folder, { bigint: true });
    return { insertion: String(ino), key: `${ino}/${ctimeNs}` };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw new HostError('Unreachable', `cannot read ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Those whose vendor and device read all ones, which no device has (PCI Local Bus Specification 3.0, 6.2.1). sysfs has them
 * from when the device was found, so its config space is asked itself. A device that sleeps is let sleep, and of a bridge
 * it would mean nothing.
 */
async function silentOnes(parts: readonly Known[]): Promise<ReadonlySet<Known>> {
  const asked = parts.filter(({ folder, card }) => !isBridge(card) && !isAsleep(folder));
  const answers = await readFirstBytes(
    asked.map(({ folder }) => `${folder}/config`),
    4,
  );
  return new Set(
    asked.filter((_, index) => answers[index]?.length === 4 && answers[index].every(byte => byte === 0xff)),
  );
}

function isBridge({ identity }: Card): boolean {
  return identity.class?.startsWith('06') === true;
}

function isAsleep(folder: string): boolean {
  return readAttribute(`${folder}/power/runtime_status`)?.trim() === 'suspended';
}

function readCard(folder: string): Card | undefined {
  const names = ['vendor', 'device', 'subsystem_vendor', 'subsystem_device', 'class'] as const;
  const [vendor, device, subsystemVendor, subsystemDevice, code] = names.map(name =>
    hexDigits(readAttribute(`${folder}/${name}`), name === 'class' ? 6 : 4),
  );
  const path = readPath(folder);
  if (path === undefined || vendor === undefined || device === undefined || code === undefined) return undefined;
  const known = subsystemVendor !== undefined && subsystemDevice !== undefined && subsystemVendor !== NO_VENDOR;
  const subsystem = known ? { subsystemVendor, subsystemDevice } : {};
  const virtual = isThere(`${folder}/physfn`);
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

function readPath(folder: string): PciPath | undefined {
  const real = realFolder(folder);
  const chain = real === undefined ? undefined : bridgeChain(real);
  if (real === undefined || chain === undefined) return undefined;
  const buses = new Map<Address, number>();
  let bridge = dirname(real);
  for (const address of chain.slice(0, -1).reverse()) {
    // Asked of the bridge itself. Decimal (Linux drivers/pci/pci-sysfs.c, secondary_bus_number_show).
    const text = readAttribute(join(bridge, 'secondary_bus_number'));
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
    throw new HostError('Unreachable', `cannot follow ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/** Asked without an error made of the answer that it is not: most functions are no virtual ones. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isGone(error)) return false;
    throw new HostError('Unreachable', `cannot follow ${path}: ${messageOf(error)}`, { cause: error });
  }
}
