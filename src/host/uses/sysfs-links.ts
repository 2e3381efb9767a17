/** The links of sysfs's class folders, and what they say about where a thing hangs. */
import { readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Address, parseAddress } from '../../api/address.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { isGone } from '../small-file.ts';

/**
 * The names in a folder; one that is not there has none.
 * @throws {HostError} Unreachable when it cannot be read.
 */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw new HostError('Unreachable', `cannot list ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Where a link points, as it is written.
 * @returns undefined when it is not there, or is no link: some class folders have files beside their links.
 * @throws {HostError} Unreachable when it cannot be read.
 */
export async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (isGone(error) || (error instanceof Error && 'code' in error && error.code === 'EINVAL')) return undefined;
    throw new HostError('Unreachable', `cannot follow ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The members of a class by name, and where each hangs.
 * @throws {HostError} Unreachable when the class cannot be read or is not there: then nothing is known about it.
 */
export async function classLinks(sysfs: string, name: string): Promise<ReadonlyMap<string, string>> {
  const folder = join(sysfs, 'class', name);
  const names = await readdir(folder).catch((error: unknown) => {
    throw new HostError('Unreachable', `cannot list ${folder}: ${messageOf(error)}`, { cause: error });
  });
  const links = await Promise.all(names.map(async member => [member, await linkTarget(join(folder, member))] as const));
  return new Map(links.filter((link): link is readonly [string, string] => link[1] !== undefined));
}

/** The PCI function that a thing hangs on directly: the last one of its path. */
export function functionOf(target: string): Address | undefined {
  return target
    .split('/')
    .map(part => (parseAddress(part) === part ? (part as Address) : undefined))
    .findLast(address => address !== undefined);
}

/** The name of the folder above: of a partition its disk's. */
export function parentName(target: string): string {
  return basename(target.slice(0, Math.max(0, target.lastIndexOf('/'))));
}
