import { type Address, addressParts, parseAddress } from '../../api/address.ts';
import { type PciPath, parsePath } from '../../api/path.ts';

/** A root bus in sysfs. Intel's VMD puts a second one, on a segment of its own, below a device: the last one counts. */
const ROOT_BUS = /^pci[0-9a-f]{4,8}:[0-9a-f]{2}$/;

/** The bridges from the root bus down to a device, and the device, by its real path in sysfs. */
export function bridgeChain(realPath: string): Address[] | undefined {
  const names = realPath.split('/');
  const root = names.findLastIndex(name => ROOT_BUS.test(name));
  const chain = names.slice(root + 1).map(parseAddress);
  const known = chain.filter(address => address !== undefined);
  return root === -1 || chain.length === 0 || known.length < chain.length ? undefined : known;
}

/**
 * Writes a chain as a path that does not change when bus numbers move.
 * @param secondaryBus for each bridge of the chain the number of the bus behind it; a bridge that does not say is taken
 *   to have the device itself there, which only an SR-IOV function may contradict.
 * @returns undefined when the chain is too long for a path.
 */
export function chainToPath(
  chain: readonly Address[],
  secondaryBus: (bridge: Address) => number | undefined,
): PciPath | undefined {
  const elements = chain.map((address, index) => {
    const { segment, bus } = addressParts(address);
    const place = address.slice(address.lastIndexOf(':') + 1);
    const bridge = index === 0 ? undefined : chain[index - 1];
    if (bridge === undefined) return `${segment === 0 ? '' : `${hex(segment, 4)}_`}${hex(bus, 2)}_${place}`;
    return `${hex(Math.max(0, bus - (secondaryBus(bridge) ?? bus)), 2)}_${place}`;
  });
  return parsePath(elements.join('/'));
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}
