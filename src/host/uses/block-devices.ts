/** The block devices of each PCI function, with all that lies on them: partitions, and what is built from them. */
import { join } from 'node:path';
import type { Address } from '../../api/address.ts';
import { HostError } from '../../controller/ports.ts';
import { readSmallFile } from '../small-file.ts';
import { type Part, part } from './part.ts';
import { classLinks, functionOf, linkTarget, namesIn, parentName } from './sysfs-links.ts';

/** A block device that cannot lose its PCI function without loss. */
export interface BlockDevice {
  /** As the kernel calls it, such as `nvme0n1p2` or `dm-0`. */
  readonly name: string;
  /** `major:minor`. */
  readonly number: string;
  /** The name for people that device-mapper was given, such as `vg-root`. */
  readonly title?: string;
  /** Of what it is a member by what is written on it, such as `LVM2_member` or `zfs_member`. */
  readonly member?: string;
  /** The block device that it was built from; absent for disks and their partitions. */
  readonly liesOn?: string;
}

const ATTRIBUTE_MAX = 4096;
/** Bytes of one entry in udev's database, with room to spare. */
const UDEV_ENTRY_MAX = 65_536;
/** Block devices below one function: beyond this it is not a disk but a mistake. */
const BLOCKS_MAX = 4096;

interface Tree {
  readonly sysfs: string;
  readonly udev: string;
  readonly partitions: ReadonlyMap<string, readonly string[]>;
}

/** The block devices of each function that has any. A function's cannot be told while udev has not looked at one. */
export type FunctionBlocks = ReadonlyMap<Address, Part<readonly BlockDevice[]>>;

/**
 * Finds them in sysfs and udev's database.
 * @throws {HostError} Unreachable when it cannot be told which functions have block devices.
 */
export async function blockDevices(sysfs: string, udev: string): Promise<FunctionBlocks> {
  const links = await classLinks(sysfs, 'block');
  const partitions = new Map<string, string[]>();
  for (const [name, target] of links) {
    const parent = parentName(target);
    if (links.has(parent)) partitions.set(parent, [...(partitions.get(parent) ?? []), name]);
  }
  const disks = new Map<Address, string[]>();
  for (const [name, target] of links) {
    if (links.has(parentName(target))) continue;
    for (const address of await functionsOf(sysfs, target)) disks.set(address, [...(disks.get(address) ?? []), name]);
  }
  const tree = { sysfs, udev, partitions };
  return new Map(
    await Promise.all(
      [...disks].map(async ([address, names]) => [address, await part(() => everythingOn(names, tree))] as const),
    ),
  );
}

/** An NVMe disk with several controllers hangs on none of them, but on its subsystem, which links to all. */
async function functionsOf(sysfs: string, target: string): Promise<readonly Address[]> {
  const own = functionOf(target);
  const subsystem = /\/(nvme-subsys\d+)\//.exec(target)?.[1];
  if (own !== undefined || subsystem === undefined) return own === undefined ? [] : [own];
  const folder = join(sysfs, 'class/nvme-subsystem', subsystem);
  const controllers = (await namesIn(folder)).filter(name => /^nvme\d+$/.test(name));
  const targets = await Promise.all(controllers.map(name => linkTarget(join(folder, name))));
  return targets.flatMap(link => functionOf(link ?? '') ?? []);
}

/** The disks, their partitions, and what lies on those, each once. */
async function everythingOn(disks: readonly string[], tree: Tree): Promise<BlockDevice[]> {
  const found = new Map<string, BlockDevice>();
  const queue = disks.map((name): { name: string; liesOn?: string } => ({ name }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { name, liesOn } = next;
    if (found.has(name)) continue;
    if (found.size >= BLOCKS_MAX)
      throw new HostError('Unreachable', `${disks[0]} carries more than ${BLOCKS_MAX} block devices`);
    found.set(name, await readBlockDevice(name, liesOn, tree));
    const parts = tree.partitions.get(name) ?? [];
    queue.push(...parts.map(part => (liesOn === undefined ? { name: part } : { name: part, liesOn })));
    const holders = await namesIn(join(tree.sysfs, 'class/block', name, 'holders'));
    queue.push(...holders.map(holder => ({ name: holder, liesOn: name })));
  }
  return [...found.values()];
}

async function readBlockDevice(name: string, liesOn: string | undefined, { sysfs, udev }: Tree): Promise<BlockDevice> {
  const folder = join(sysfs, 'class/block', name);
  const number = (await readSmallFile(join(folder, 'dev'), ATTRIBUTE_MAX))?.trim();
  if (number === undefined || !/^\d+:\d+$/.test(number)) {
    throw new HostError('Unreachable', `${folder}/dev does not say the number of ${name}`);
  }
  if (liesOn !== undefined) {
    const title = (await readSmallFile(join(folder, 'dm/name'), ATTRIBUTE_MAX))?.trim();
    return { name, number, liesOn, ...(title === undefined ? {} : { title }) };
  }
  const member = memberOf(await readUdevEntry(name, number, udev));
  return { name, number, ...(member === undefined ? {} : { member }) };
}

/** systemd's udev keeps one file for each device: `E:KEY=VALUE` lines (man 5 udev.conf; src/libsystemd/sd-device). */
async function readUdevEntry(name: string, number: string, udev: string): Promise<string> {
  const text = await readSmallFile(join(udev, 'data', `b${number}`), UDEV_ENTRY_MAX);
  if (text !== undefined) return text;
  throw new HostError('Unreachable', `udev has not said yet what is on ${name} (${udev}/data/b${number})`);
}

/** What blkid calls what it finds of LVM, of RAID in all its kinds, of ZFS, and what else joins several disks. */
const MEMBER = /^E:ID_FS_TYPE=(\w+_member|bcache|drbd|ceph_bluestore)$/m;

function memberOf(entry: string): string | undefined {
  return MEMBER.exec(entry)?.[1];
}
