import type { Address } from '../api/address.ts';
import type { ObservedDomain } from '../plan/observed.ts';
import type { PciMark } from './xenstore-nodes.ts';
import type { Holder, XenstoreView } from './xenstore-view.ts';

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
  const asked = domains.filter(domain => domain.toolstack === 'libvirt' && domain.domid !== undefined);
  const steady = asked.filter(domain => domain.state !== 'changing');
  const believes = (domain: ObservedDomain): boolean => domain.live.some(entry => entry.address === address);
  const holds = (domain: ObservedDomain): boolean => holders.some(({ domid }) => domid === domain.domid);
  if (steady.every(domain => believes(domain) === holds(domain))) return [];
  return [`libvirt shows it in ${words(asked.filter(believes).map(({ name }) => name))}`];
}

function nameOf(domid: number, xenstore: XenstoreView, domains: readonly ObservedDomain[]): string {
  const name = domains.find(domain => domain.domid === domid)?.name ?? xenstore.domains.get(domid)?.name;
  return name ?? `domain ${domid}, which is gone`;
}

function words(names: readonly string[]): string {
  return names.length === 0 ? 'no guest' : names.join(' and ');
}
