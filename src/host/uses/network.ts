/** Which network interfaces carry dom0's addresses and routes, as /proc/net lists them. */
import { HostError } from '../../controller/ports.ts';

/** The texts of the files; one that is not there is undefined. */
export interface NetworkFiles {
  /** /proc/net/route: the main IPv4 table. */
  readonly route: string;
  /** /proc/net/fib_trie: all IPv4 tables, and with them dom0's own addresses. */
  readonly fibTrie: string;
  /** /proc/net/if_inet6 and /proc/net/ipv6_route; not there where IPv6 is switched off. */
  readonly ifInet6: string | undefined;
  readonly ipv6Route: string | undefined;
}

/** What goes through an interface, in clauses for people. */
export interface InterfaceTraffic {
  readonly addresses: readonly string[];
  /** `IPv4`, `IPv6`. */
  readonly defaultRoutes: readonly string[];
  /** IPv4 networks that are reached through it. */
  readonly routes: readonly string[];
}

interface Route {
  readonly name: string;
  readonly destination: number;
  readonly mask: number;
  readonly onLink: boolean;
}

/** Flags of a route (Linux include/uapi/linux/route.h). */
const RTF_UP = 0x1;
const RTF_GATEWAY = 0x2;
const RTF_REJECT = 0x200;
/** Scopes of IPv6 addresses that reach no further than the host or the link; every interface that is up has such. */
const NEAR_SCOPES = new Set(['10', '20']);

/**
 * What goes through each interface; one that is not named carries nothing.
 * @throws {HostError} Unreachable when a line is not understood.
 */
export function interfaceTraffic(files: NetworkFiles): ReadonlyMap<string, InterfaceTraffic> {
  const routes = parseRoutes(files.route);
  const traffic = new Map<string, { addresses: string[]; defaultRoutes: string[]; routes: string[] }>();
  const of = (name: string) => {
    const known = traffic.get(name) ?? { addresses: [], defaultRoutes: [], routes: [] };
    traffic.set(name, known);
    return known;
  };
  for (const { name, destination, mask } of routes) {
    if (mask === 0) of(name).defaultRoutes.push('IPv4');
    else of(name).routes.push(`${dotted(destination)}/${prefixLength(mask)}`);
  }
  for (const address of localAddresses(files.fibTrie)) {
    const name = interfaceOf(address, routes);
    if (name !== undefined) of(name).addresses.push(dotted(address));
  }
  for (const { name, address } of parseIfInet6(files.ifInet6 ?? '')) of(name).addresses.push(address);
  for (const name of defaultIpv6(files.ipv6Route ?? '')) of(name).defaultRoutes.push('IPv6');
  return new Map(
    [...traffic].map(([name, { addresses, defaultRoutes, routes: networks }]) => [
      name,
      { addresses: unique(addresses), defaultRoutes: unique(defaultRoutes), routes: unique(networks) },
    ]),
  );
}

/** The kernel makes the route of an address's network with the address; the most exact such route tells the interface. */
function interfaceOf(address: number, routes: readonly Route[]): string | undefined {
  const fitting = routes.filter(route => route.onLink && (address & route.mask) >>> 0 === route.destination);
  return fitting.sort((a, b) => b.mask - a.mask)[0]?.name;
}

function parseRoutes(text: string): Route[] {
  return text
    .split('\n')
    .slice(1)
    .filter(line => line.trim() !== '')
    .flatMap(line => {
      const [name, destination, gateway, flagText, , , , mask] = line.trim().split(/\s+/);
      const numbers = [destination, gateway, flagText, mask].map(hexNumber);
      const [to, via, flags, width] = numbers;
      if (name === undefined || to === undefined || via === undefined || flags === undefined || width === undefined) {
        throw notUnderstood('route', line);
      }
      if ((flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0) return [];
      const onLink = (flags & RTF_GATEWAY) === 0;
      return [{ name, destination: swapped(to), mask: swapped(width), onLink }];
    });
}

/** The leaves of the trie that are local to this host, loopback ones left out. */
function localAddresses(text: string): number[] {
  const found = new Set<number>();
  let leaf: number | undefined;
  for (const line of text.split('\n')) {
    const parts = /^\s*\|-- (\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(line);
    if (parts !== null) leaf = parts.slice(1).reduce((sum, part) => sum * 256 + Number(part), 0);
    else if (leaf !== undefined && /^\s*\/32 host LOCAL\b/.test(line) && leaf >>> 24 !== 127) found.add(leaf);
  }
  return [...found];
}

function parseIfInet6(text: string): { name: string; address: string }[] {
  return entries(text).flatMap(line => {
    const [digits, , , scope, , name] = line.split(/\s+/);
    if (digits === undefined || !/^[0-9a-f]{32}$/.test(digits) || scope === undefined || name === undefined) {
      throw notUnderstood('if_inet6', line);
    }
    return NEAR_SCOPES.has(scope) ? [] : [{ name, address: ipv6Text(digits) }];
  });
}

function defaultIpv6(text: string): string[] {
  return entries(text).flatMap(line => {
    const [destination, width, , , , , , , flagText, name] = line.split(/\s+/);
    const flags = hexNumber(flagText);
    if (destination === undefined || flags === undefined || name === undefined) throw notUnderstood('ipv6_route', line);
    const isDefault = /^0{32}$/.test(destination) && width === '00';
    // Where nothing is routed, the kernel has a default route to nowhere on the loopback interface.
    return isDefault && (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0 && name !== 'lo' ? [name] : [];
  });
}

function entries(text: string): string[] {
  return text.split('\n').flatMap(line => (line.trim() === '' ? [] : [line.trim()]));
}

function hexNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9A-Fa-f]{1,8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

/** /proc/net/route shows addresses as the processor reads them from memory; Xen's dom0s are all little-endian. */
function swapped(value: number): number {
  return [0, 8, 16, 24].reduce((sum, shift) => sum * 256 + ((value >>> shift) & 0xff), 0);
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map(shift => (address >>> shift) & 0xff).join('.');
}

function prefixLength(mask: number): number {
  return mask.toString(2).replaceAll('0', '').length;
}

function ipv6Text(digits: string): string {
  const groups = digits.match(/.{4}/g) ?? [];
  const text = groups.map(group => group.replace(/^0{1,3}/, '')).join(':');
  return text.replace(/(?:^|:)0(?::0)+(?::|$)/, '::');
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function notUnderstood(file: string, line: string): HostError {
  return new HostError(
    'Unreachable',
    `/proc/net/${file} has a line that is not understood: ${JSON.stringify(line.slice(0, 120))}`,
  );
}
