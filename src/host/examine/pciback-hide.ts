import { type Address, parseAddress } from '../../api/address.ts';

/** Characters of a module's text parameter that the kernel takes (Linux kernel/params.c, param_set_charp). */
export const HIDE_LENGTH_MAX = 1024;

/**
 * The value of pciback's parameter `hide`. A single mistake in it keeps pciback from loading at all, so it is put together
 * from canonical addresses only.
 * @returns undefined when it would be longer than the kernel takes.
 */
export function hideText(addresses: readonly Address[]): string | undefined {
  const text = addresses.map(address => `(${address})`).join('');
  if (text.length <= HIDE_LENGTH_MAX) return text;
  const short = addresses.map(address => `(${address.replace(/^0000:/, '')})`).join('');
  return short.length <= HIDE_LENGTH_MAX ? short : undefined;
}

// Slot and function, or the function alone, may be `*` (Linux drivers/xen/xen-pciback/pci_stub.c, pcistub_init).
const ITEM = /^\((?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):(?:([0-9a-f]{1,2})\.([0-7]|\*)|\*\.\*)\)/i;

/**
 * Reads the value of `hide`.
 * @returns for each item the beginning that the addresses of its devices have, such as `0000:03:00.0` or `0000:03:`;
 *   undefined when the kernel would reject it, and with it pciback.
 */
export function parseHide(text: string): readonly string[] | undefined {
  const found: string[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const match = ITEM.exec(rest);
    const item = match === null ? undefined : beginning(match);
    if (match === null || item === undefined) return undefined;
    found.push(item);
    rest = rest.slice(match[0].length).trimStart();
  }
  return found;
}

function beginning([, segment = '0', bus = '', device, fn]: RegExpExecArray): string | undefined {
  const pad = (digits: string, width: number): string => digits.replace(/^0+/, '').padStart(width, '0');
  const onBus = `${pad(segment, 4)}:${pad(bus, 2)}:`;
  if (device === undefined) return onBus;
  const address = parseAddress(`${onBus}${pad(device, 2)}.${fn === '*' ? '0' : fn}`);
  return fn === '*' ? address?.slice(0, -1) : address;
}
