/** A PCI function of the host in canonical form: `dddd:bb:dd.f`, lower case, four or more digits of segment. */
export type Address = string & { readonly __brand: 'Address' };

/** The numbers of an address. */
export interface AddressParts {
  readonly segment: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

// A segment may have more than four digits: Intel's VMD makes 10000:... (QubesOS/qubes-issues#6932).
const ADDRESS = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

/**
 * Reads `0000:03:00.0`, or `03:00.0` for segment 0.
 * @returns the canonical address, or undefined when the text is none.
 */
export function parseAddress(text: string): Address | undefined {
  const match = ADDRESS.exec(text);
  if (match === null) return undefined;
  const [, segment = '0000', bus, device, fn] = match;
  return formatAddress({
    segment: Number.parseInt(segment, 16),
    bus: Number.parseInt(bus ?? '', 16),
    device: Number.parseInt(device ?? '', 16),
    function: Number.parseInt(fn ?? '', 16),
  });
}

/** Writes the canonical form. */
export function formatAddress(parts: AddressParts): Address {
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
  return `${hex(parts.segment, 4)}:${hex(parts.bus, 2)}:${hex(parts.device, 2)}.${parts.function}` as Address;
}

/** Takes a canonical address apart. */
export function addressParts(address: Address): AddressParts {
  const [segment = '0', bus = '0', rest = '0.0'] = address.split(':');
  const [device = '0', fn = '0'] = rest.split('.');
  return {
    segment: Number.parseInt(segment, 16),
    bus: Number.parseInt(bus, 16),
    device: Number.parseInt(device, 16),
    function: Number.parseInt(fn, 16),
  };
}

/** The segment alone. */
export function segmentOf(address: Address): number {
  // Reads up to the first colon.
  return Number.parseInt(address, 16);
}

/** Order by segment, bus, device, function: for sorting. */
export function compareAddresses(a: Address, b: Address): number {
  // Canonical text sorts right within one segment width; only a longer segment needs the numbers.
  if (a.length === b.length) return a < b ? -1 : a > b ? 1 : 0;
  return a.length - b.length;
}
