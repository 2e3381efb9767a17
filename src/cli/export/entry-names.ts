import { type Address, compareAddresses } from '../../api/address.ts';
import type { Identity } from '../../api/identity.ts';
import { isBridge } from '../../plan/claims.ts';
import type { ObservedDevice } from '../../plan/observed.ts';

/** What people call devices of a class: by base class and subclass, then by base class alone. */
const WORDS: Readonly<Record<string, string>> = {
  '0108': 'nvme',
  '01': 'storage',
  '0280': 'wifi',
  '02': 'nic',
  '03': 'gpu',
  '0401': 'audio',
  '0403': 'audio',
  '04': 'media',
  '07': 'serial',
  '0c03': 'usb',
  '0c': 'bus',
  '0d': 'radio',
  '10': 'crypto',
  '12': 'accelerator',
};

/** Names for entries, one for each device but bridges: by class, and counted in the order of addresses. */
export function entryNames(devices: Iterable<ObservedDevice>): ReadonlyMap<Address, string> {
  const counts = new Map<string, number>();
  const names = new Map<Address, string>();
  for (const device of [...devices].sort((a, b) => compareAddresses(a.address, b.address))) {
    if (isBridge(device)) continue;
    const word = wordFor(device.identity);
    const count = (counts.get(word) ?? 0) + 1;
    counts.set(word, count);
    names.set(device.address, count === 1 ? word : `${word}-${count}`);
  }
  return names;
}

function wordFor({ class: code = '' }: Identity): string {
  return WORDS[code] ?? WORDS[code.slice(0, 2)] ?? 'device';
}
