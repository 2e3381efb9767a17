/** What dom0 uses block devices for. */
import { basename, join } from 'node:path';
import { HostError } from '../../controller/ports.ts';
import type { DeviceUse } from '../../plan/observed.ts';
import { readSmallFile, readTable } from '../small-file.ts';
import type { BlockDevice } from './block-devices.ts';
import { type Mount, parseMountinfo, parseSwaps } from './mounts.ts';
import { namesIn } from './sysfs-links.ts';

/** Bytes of mountinfo and of the list of swaps: hosts with thousands of containers have half of it. */
const TABLE_MAX = 1_048_576;
/** Places named in one clause. */
const NAMED_MAX = 3;

/** What is mounted and swapped to at one moment. */
export interface StorageTables {
  readonly mounts: readonly Mount[];
  /** Names of block devices that a btrfs file system spreads over; it is mounted under a number of its own. */
  readonly btrfs: ReadonlySet<string>;
  /** Paths. */
  readonly swaps: readonly string[];
}

/** @throws {HostError} Unreachable when a table cannot be read or understood. */
export async function readStorageTables(sysfs: string, procfs: string): Promise<StorageTables> {
  // Those of the first process: a service may have been given mounts of its own. Whoever mounts keeps this table waiting.
  const mountinfo = await readSmallFile(join(procfs, '1/mountinfo'), TABLE_MAX);
  const swaps = readTable(join(procfs, 'swaps'), TABLE_MAX);
  if (mountinfo === undefined) throw new HostError('Unreachable', `${procfs}/1/mountinfo is not there`);
  const mounts = parseMountinfo(mountinfo);
  // A kernel without swap has no such file.
  return { mounts, btrfs: await btrfsDevices(sysfs, mounts), swaps: parseSwaps(swaps ?? '') };
}

async function btrfsDevices(sysfs: string, mounts: readonly Mount[]): Promise<ReadonlySet<string>> {
  if (!mounts.some(({ type }) => type === 'btrfs')) return new Set();
  const folder = join(sysfs, 'fs/btrfs');
  const systems = (await namesIn(folder)).filter(name => /^[0-9a-f-]{36}$/.test(name));
  if (systems.length === 0)
    throw new HostError('Unreachable', `btrfs is mounted, and ${folder} does not say where from`);
  const names = await Promise.all(systems.map(system => namesIn(join(folder, system, 'devices'))));
  return new Set(names.flat());
}

/** What the block devices of one function are used for; the gravest first. */
export function storageUses(blocks: readonly BlockDevice[], tables: StorageTables): DeviceUse[] {
  return [
    ...blocks.flatMap(block => mountUse(block, tables)),
    ...blocks.flatMap(block => swapUse(block, tables)),
    ...blocks.flatMap(memberUse),
  ];
}

function mountUse(block: BlockDevice, { mounts, btrfs }: StorageTables): DeviceUse[] {
  const points = mounts.filter(mount => isMountOf(mount, block, btrfs)).map(({ point }) => point);
  if (points.length === 0) return [];
  const more = points.length > NAMED_MAX ? ` and ${points.length - NAMED_MAX} more` : '';
  return [
    {
      guard: 'MountedFilesystem',
      text: `${nameOf(block)} is mounted at ${points.slice(0, NAMED_MAX).join(', ')}${more}`,
    },
  ];
}

function isMountOf({ number, type, source }: Mount, block: BlockDevice, btrfs: ReadonlySet<string>): boolean {
  if (number === block.number) return true;
  // File systems over several devices have a number of their own and name their devices: btrfs one, bcachefs all.
  if (!number.startsWith('0:')) return false;
  if (type === 'btrfs' && btrfs.has(block.name)) return true;
  return source.split(':').some(path => isPathOf(path, block));
}

function swapUse(block: BlockDevice, { swaps }: StorageTables): DeviceUse[] {
  if (!swaps.some(path => isPathOf(path, block))) return [];
  return [{ guard: 'Swap', text: `${nameOf(block)} is swap` }];
}

function isPathOf(path: string, { name, title }: BlockDevice): boolean {
  return path === `/dev/${name}` || (title !== undefined && path === `/dev/mapper/${title}`);
}

const MEMBERS: Readonly<Record<string, string>> = {
  LVM2_member: 'an LVM physical volume',
  linux_raid_member: 'a member of a RAID array',
  zfs_member: 'a member of a ZFS pool',
};

function memberUse(block: BlockDevice): DeviceUse[] {
  const { liesOn, member } = block;
  if (liesOn !== undefined) return [{ guard: 'StorageMember', text: `${nameOf(block)} lies on ${liesOn}` }];
  if (member === undefined) return [];
  return [{ guard: 'StorageMember', text: `${block.name} is ${MEMBERS[member] ?? member}` }];
}

function nameOf({ name, title }: BlockDevice): string {
  return title === undefined ? name : `${name} (${basename(title)})`;
}
