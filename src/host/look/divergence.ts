import type { Address } from '../../api/address.ts';
import { believedHolders, domainOf } from '../../plan/domains.ts';
import type { ObservedDomain } from '../../plan/observed.ts';
import type { PciMark } from '../xenstore/nodes.ts';
import type { Holder, XenstoreView } from '../xenstore/view.ts';

/**
 * Where xenstore, the toolstack's mark and libvirt's live definitions disagree about who has a device. A domain that is
 * starting or stopping is not held against libvirt: its definition and xenstore do not change at the same moment.
 * @returns both views in words, or undefined while they agree.
 */
export function divergence(
  address: Address,
  holders: readonly Holder[],
  mark: PciMark | undefined,
  xenstore: XenstoreView,
  domains: readonly ObservedDomain[],
): string | undefined {
  const name = (domid: number): string => nameOf(domid, xenstore, domains);
  const shown = `xenstore shows it in ${words(holders.map(({ domid }) => name(domid)))}`;
  const doubts = [
    ...(holders.length > 1 ? ['a device can only be in one'] : []),
    ...markDoubt(holders, mark, name),
    ...libvirtDoubt(address, holders, domains),
  ];
  return doubts.length === 0 ? undefined : [shown, ...doubts].join('; ');
}

function markDoubt(
  holders: readonly Holder[],
  mark: PciMark | undefined,
  name: (domid: number) => string,
): readonly string[] {
  const domid = mark?.domid;
  if (domid === undefined || holders.some(holder => holder.domid === domid)) return [];
  return [`libxl has marked it as given to ${name(domid)}`];
}

function libvirtDoubt(
  address: Address,
  holders: readonly Holder[],
  domains: readonly ObservedDomain[],
): readonly string[] {
  const isAsked = ({ toolstack, domid }: ObservedDomain): boolean => toolstack === 'libvirt' && domid !== undefined;
  const believed = believedHolders({ domains }, address).filter(isAsked);
  const shown = holders.flatMap(({ domid }) => domainOf({ domains }, domid) ?? []).filter(isAsked);
  const doubted = [
    ...believed.filter(domain => !shown.includes(domain)),
    ...shown.filter(domain => !believed.includes(domain)),
  ];
  if (doubted.every(({ state }) => state === 'changing')) return [];
  return [`libvirt shows it in ${words(believed.map(({ name }) => name))}`];
}

function nameOf(domid: number, xenstore: XenstoreView, domains: readonly ObservedDomain[]): string {
  const name = domainOf({ domains }, domid)?.name ?? xenstore.domains.get(domid)?.name;
  return name ?? `domain ${domid}, which is gone`;
}

function words(names: readonly string[]): string {
  return names.length === 0 ? 'no guest' : names.join(' and ');
}
