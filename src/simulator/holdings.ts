import type { Address } from '../api/address.ts';
import { backendPath, isClosing, isConnected, listEntries } from './model/backend.ts';
import type { Dom0 } from './model/dom0.ts';
import type { Domain } from './model/domain.ts';
import { notesPath } from './model/libxl-outcome.ts';

/** A guest that has a device by xenstore. */
export interface Holding {
  readonly domain: Domain;
  readonly domid: number;
  readonly settled: boolean;
  readonly permissive: boolean;
}

/** Who has which device by xenstore. Where it names two, the rightful one is first, as with `holdersOf` of the host adapter. */
export function holdingsOf(dom0: Dom0): ReadonlyMap<Address, readonly Holding[]> {
  const found = new Map<Address, { readonly holding: Holding; readonly rank: number }[]>();
  for (const domain of dom0.domains.values()) {
    const { domid } = domain.instance ?? {};
    if (domid === undefined) continue;
    const settled = domain.type !== 'pv' || isConnected(dom0.store, domid);
    for (const [index, address] of listEntries(dom0.store, domid).entries()) {
      const rank = rankOf(dom0, domid, index, address);
      // What a guest has let go of too late for libxl: nobody has it any more.
      if (settled && rank === Rank.Closing) continue;
      const options = dom0.store.read(`${backendPath(domid)}/opts-${index}`) ?? '';
      const holding = { domain, domid, settled, permissive: options.includes('permissive=1') };
      found.set(address, [...(found.get(address) ?? []), { holding, rank }]);
    }
  }
  return new Map([...found].map(([address, all]) => [address, inOrder(all)]));
}

const Rank = { Marked: 0, Named: 1, Closing: 2 } as const;

function rankOf(dom0: Dom0, domid: number, index: number, address: Address): number {
  if (dom0.store.read(`${notesPath(address)}/domid`) === String(domid)) return Rank.Marked;
  return isClosing(dom0.store, domid, index) ? Rank.Closing : Rank.Named;
}

function inOrder(found: readonly { readonly holding: Holding; readonly rank: number }[]): Holding[] {
  return [...found].sort((a, b) => a.rank - b.rank).map(({ holding }) => holding);
}
