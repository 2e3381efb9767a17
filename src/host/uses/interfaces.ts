/** What dom0 uses network interfaces for. */
import { basename, join } from 'node:path';
import type { Address } from '../../api/address.ts';
import { HostError } from '../../controller/ports.ts';
import type { DeviceUse } from '../../plan/observed.ts';
import { readTable } from '../small-file.ts';
import { type InterfaceTraffic, interfaceTraffic } from './network.ts';
import { classLinks, functionOf, linkTarget, namesIn } from './sysfs-links.ts';

/** Bytes of a table of routes or addresses. */
const TABLE_MAX = 1_048_576;
/** Interfaces stacked on one another: VLANs on bonds in bridges are three. */
const STACK_MAX = 64;
const NAMED_MAX = 3;

/** An interface, and those that are stacked on it: its bridge or bond, VLANs, and what lies on those. */
export interface InterfaceStack {
  readonly name: string;
  readonly above: readonly string[];
  /** Those of them that switch between their ports: bridges, and whatever else takes ports and is no bond. */
  readonly bridges: readonly string[];
}

/**
 * The interfaces of each PCI function.
 * @throws {HostError} Unreachable when they cannot be read.
 */
export async function interfaceNames(sysfs: string): Promise<ReadonlyMap<Address, readonly string[]>> {
  const found = new Map<Address, string[]>();
  for (const [name, target] of await classLinks(sysfs, 'net')) {
    const address = functionOf(target);
    if (address !== undefined) found.set(address, [...(found.get(address) ?? []), name]);
  }
  return found;
}

/**
 * What is stacked on an interface. Read at each look: joining a bridge sends no event.
 * @throws {HostError} Unreachable when it cannot be read.
 */
export async function interfaceStack(sysfs: string, name: string): Promise<InterfaceStack> {
  const above = new Map<string, Upper>();
  const queue = [name];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const upper of await uppersOf(sysfs, next)) {
      if (upper.name === name || above.has(upper.name)) continue;
      above.set(upper.name, upper);
      queue.push(upper.name);
    }
    if (above.size > STACK_MAX) throw new HostError('Unreachable', `more than ${STACK_MAX} interfaces lie on ${name}`);
  }
  const bridges = [...above.values()].filter(({ isBridge }) => isBridge);
  return { name, above: [...above.keys()], bridges: bridges.map(bridge => bridge.name) };
}

interface Upper {
  readonly name: string;
  readonly isBridge: boolean;
}

async function uppersOf(sysfs: string, name: string): Promise<Upper[]> {
  const folder = join(sysfs, 'class/net', name);
  const names = (await namesIn(folder)).flatMap(entry => /^upper_(.+)$/.exec(entry)?.[1] ?? []);
  const master = basename((await linkTarget(join(folder, 'master'))) ?? '');
  return Promise.all(
    names.map(async upper => {
      const parts = await namesIn(join(sysfs, 'class/net', upper));
      return { name: upper, isBridge: parts.includes('bridge') || (upper === master && !parts.includes('bonding')) };
    }),
  );
}

/** @throws {HostError} Unreachable when a table cannot be read or understood. */
export async function readTraffic(procfs: string): Promise<ReadonlyMap<string, InterfaceTraffic>> {
  const names = ['route', 'fib_trie', 'if_inet6', 'ipv6_route'] as const;
  const [route, fibTrie, ifInet6, ipv6Route] = names.map(name => readTable(join(procfs, 'net', name), TABLE_MAX));
  if (route === undefined || fibTrie === undefined) {
    throw new HostError('Unreachable', `${procfs}/net/route or ${procfs}/net/fib_trie is not there`);
  }
  return interfaceTraffic({ route, fibTrie, ifInet6, ipv6Route });
}

/** What an interface and those on it are used for; the gravest first. */
export function interfaceUses(
  { name, above, bridges }: InterfaceStack,
  traffic: ReadonlyMap<string, InterfaceTraffic>,
): DeviceUse[] {
  const carriers = [name, ...above].flatMap(each => {
    const through = traffic.get(each);
    return through === undefined ? [] : [{ ...through, text: each === name ? name : `${each}, which lies on ${name}` }];
  });
  return [
    ...carriers.flatMap(({ defaultRoutes, text }): DeviceUse[] =>
      defaultRoutes.length === 0
        ? []
        : [{ guard: 'DefaultRoute', text: `the default route (${defaultRoutes.join(', ')}) goes through ${text}` }],
    ),
    ...carriers.flatMap(addressUse),
    ...bridges.map((bridge): DeviceUse => ({ guard: 'NetworkBridge', text: `${name} is a port of ${bridge}` })),
  ];
}

function addressUse({ addresses, routes, text }: InterfaceTraffic & { readonly text: string }): DeviceUse[] {
  if (addresses.length > 0) return [{ guard: 'NetworkAddress', text: `${some(addresses)} is on ${text}` }];
  if (routes.length > 0) return [{ guard: 'NetworkAddress', text: `${some(routes)} is reached through ${text}` }];
  return [];
}

function some(texts: readonly string[]): string {
  const more = texts.length > NAMED_MAX ? ` and ${texts.length - NAMED_MAX} more` : '';
  return `${texts.slice(0, NAMED_MAX).join(', ')}${more}`;
}
