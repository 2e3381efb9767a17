import { isDeepStrictEqual } from 'node:util';
import type { Address } from '../../api/address.ts';
import { grouped } from '../../plan/lookup.ts';
import type { PciBackend } from '../xenstore/pci-backend.ts';
import type { XenstoreView } from '../xenstore/view.ts';

/** What differs between two looks at xenstore. */
export interface Moved {
  readonly domids: ReadonlySet<number>;
  /** Of the guests with these numbers, at either look. */
  readonly uuids: ReadonlySet<string>;
  readonly devices: ReadonlySet<Address>;
}

/** The guests and devices of which two looks at xenstore show different things; undefined when there are none. */
export function movedBetween(before: XenstoreView, after: XenstoreView): Moved | undefined {
  if (before === after) return undefined;
  const marked = differing(before.marks, after.marks);
  const domids = new Set([
    ...differing(before.domains, after.domains),
    ...differing(byDomid(before.backends), byDomid(after.backends)),
    ...differing(byDomid(before.stale), byDomid(after.stale)),
    ...[before, after].flatMap(({ marks }) => [...marked].flatMap(device => marks.get(device)?.domid ?? [])),
  ]);
  if (domids.size === 0 && marked.size === 0) return undefined;
  const views = [before, after];
  const uuids = views.flatMap(({ domains }) => [...domids].flatMap(domid => domains.get(domid)?.uuid ?? []));
  const held = views
    .flatMap(({ backends, stale }) => [...backends, ...stale])
    .filter(({ domid }) => domids.has(domid))
    .flatMap(({ devices }) => devices.map(({ address }) => address));
  return { domids, uuids: new Set(uuids), devices: new Set([...marked, ...held]) };
}

function byDomid(backends: readonly PciBackend[]): ReadonlyMap<number, readonly PciBackend[]> {
  return grouped(backends, ({ domid }) => domid);
}

function differing<Key>(before: ReadonlyMap<Key, unknown>, after: ReadonlyMap<Key, unknown>): ReadonlySet<Key> {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return new Set([...keys].filter(key => !isDeepStrictEqual(before.get(key), after.get(key))));
}
