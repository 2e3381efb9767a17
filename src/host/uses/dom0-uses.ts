import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '../../api/address.ts';
import type { Dom0Layout } from '../../api/layout.ts';
import type { DeviceUse } from '../../plan/observed.ts';
import { readAttribute } from '../small-file.ts';
import { PCIBACK, type SysfsDevice } from '../sysfs/sysfs.ts';
import { blockDevices, type FunctionBlocks } from './block-devices.ts';
import { consoleUses, displayUses, isDisplay } from './consoles.ts';
import { interfaceNames, interfaceStack, interfaceUses, readTraffic } from './interfaces.ts';
import { type Part, part, unknownUse } from './part.ts';
import { readStorageTables, storageUses } from './storage.ts';

/** What dom0 does with each function that it uses; the gravest first. */
export type Uses = ReadonlyMap<Address, readonly DeviceUse[]>;

/** What hangs below the functions: it changes only when the kernel says so, or udev writes. */
interface Tree {
  readonly blocks: Part<FunctionBlocks>;
  readonly interfaces: Part<ReadonlyMap<Address, readonly string[]>>;
}

/** Finds out what dom0 uses PCI functions for, from files alone. What cannot be found out counts as a use. */
export class Dom0Uses {
  readonly #layout: Dom0Layout;
  #known: { readonly key: string; readonly tree: Tree } | undefined;

  constructor(layout: Dom0Layout) {
    this.#layout = layout;
  }

  /** Looks once. @param devices the functions that are asked about; those on pciback are used by no driver of dom0. */
  async read(devices: readonly SysfsDevice[]): Promise<Uses> {
    const tree = await this.#tree();
    const { sysfs, procfs } = this.#layout;
    const [storage, network, displays, consoles] = await Promise.all([
      storagePart(tree, sysfs, procfs),
      networkPart(tree, sysfs, procfs),
      part(() => displayUses(sysfs, devices)),
      part(() => consoleUses(sysfs, procfs)),
    ]);
    const asked = devices.filter(({ driver }) => driver !== PCIBACK);
    const found = asked.map((device): [Address, readonly DeviceUse[]] => {
      const hasDriver = device.driver !== undefined;
      const uses = [
        ...usesIn(storage, device.address, hasDriver),
        ...usesIn(network, device.address, hasDriver),
        ...usesIn(displays, device.address, isDisplay(device)),
        ...usesIn(consoles, device.address, hasDriver),
      ];
      return [device.address, uses];
    });
    return new Map(found.filter(([, uses]) => uses.length > 0));
  }

  /** From memory as long as the kernel has announced nothing and udev has written nothing since. */
  async #tree(): Promise<Tree> {
    const { sysfs, udev } = this.#layout;
    // Read first: what changes from here on changes the key of the next look.
    const key = await treeKey(sysfs, udev);
    if (key !== undefined && this.#known?.key === key) return this.#known.tree;
    const [blocks, interfaces] = await Promise.all([
      part(() => blockDevices(sysfs, udev)),
      part(() => interfaceNames(sysfs)),
    ]);
    const tree = { blocks, interfaces };
    this.#known = key === undefined || !isWhole(tree) ? undefined : { key, tree };
    return tree;
  }
}

/** The kernel counts its news of devices that come, go and change; udev replaces a file in its folder for each. */
async function treeKey(sysfs: string, udev: string): Promise<string | undefined> {
  const count = counterIn(join(sysfs, 'kernel/uevent_seqnum'));
  const written = await stat(join(udev, 'data'), { bigint: true }).catch(() => undefined);
  return count === undefined || written === undefined ? undefined : `${count.trim()}/${written.mtimeNs}`;
}

function counterIn(path: string): string | undefined {
  try {
    return readAttribute(path);
  } catch {
    // Then nothing is kept.
    return undefined;
  }
}

/** What could not be read is read again next time. */
function isWhole({ blocks, interfaces }: Tree): boolean {
  if ('why' in blocks || 'why' in interfaces) return false;
  return [...blocks.found.values()].every(each => 'found' in each);
}

async function storagePart({ blocks }: Tree, sysfs: string, procfs: string): Promise<Part<Uses>> {
  if ('why' in blocks) return blocks;
  const tables = await part(() => readStorageTables(sysfs, procfs));
  const uses = [...blocks.found].map(([address, on]): [Address, DeviceUse[]] => {
    if ('why' in on) return [address, [unknownUse(on.why)]];
    return [address, 'why' in tables ? [unknownUse(tables.why)] : storageUses(on.found, tables.found)];
  });
  return { found: new Map(uses) };
}

async function networkPart({ interfaces }: Tree, sysfs: string, procfs: string): Promise<Part<Uses>> {
  if ('why' in interfaces) return interfaces;
  const traffic = await part(() => readTraffic(procfs));
  const uses = [...interfaces.found].map(async ([address, names]): Promise<[Address, DeviceUse[]]> => {
    if ('why' in traffic) return [address, [unknownUse(traffic.why)]];
    const stacks = await part(() => Promise.all(names.map(name => interfaceStack(sysfs, name))));
    if ('why' in stacks) return [address, [unknownUse(stacks.why)]];
    return [address, stacks.found.flatMap(stack => interfaceUses(stack, traffic.found))];
  });
  return { found: new Map(await Promise.all(uses)) };
}

/** @param mayBe whether what could not be found out may be about this function. */
function usesIn(uses: Part<Uses>, address: Address, mayBe: boolean): readonly DeviceUse[] {
  if ('why' in uses) return mayBe ? [unknownUse(uses.why)] : [];
  return uses.found.get(address) ?? [];
}
