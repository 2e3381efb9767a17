import { type Address, compareAddresses } from '../../api/address.ts';
import type { HideSetting } from '../../host/examine/hide-settings.ts';
import { parseHide } from '../../host/examine/pciback-hide.ts';
import type { DevicePlan } from '../../plan/device-plan.ts';
import type { Survey } from '../looks/survey.ts';

/** The devices that pciback should have from the first moment on, before a driver of dom0 finds them. */
export interface HideList {
  readonly hide: readonly Address[];
  /** Devices that an assignment names and that are not to be hidden, and why. */
  readonly leftOut: readonly { readonly address: Address; readonly reason: string; readonly message: string }[];
}

/** What the manifests imply for the next boot. Pure. */
export function hideList({ plan }: Pick<Survey, 'plan'>): HideList {
  const named = [...plan.devices.values()]
    .filter(({ claims }) => claims.length > 0)
    .sort((a, b) => compareAddresses(a.address, b.address));
  const reasons = new Map(named.map(device => [device.address, whyNot(device)]));
  return {
    hide: named.flatMap(({ address }) => (reasons.get(address) === undefined ? [address] : [])),
    leftOut: named.flatMap(({ address }) => {
      const reason = reasons.get(address);
      return reason === undefined ? [] : [{ address, ...reason }];
    }),
  };
}

function whyNot({ claims, have, want, hold }: DevicePlan): { reason: string; message: string } | undefined {
  // Refused, or for a domain that nobody has seen: what is not taken now is not taken at boot.
  const undecided = want === undefined && hold?.reason === 'DomainNotFound';
  if (hold !== undefined && (hold.kind === 'guard' || have === undefined || undecided)) return hold;
  if (claims.some(({ assignment }) => assignment.assignment.spec.whenStopped === 'Assignable')) return undefined;
  return { reason: 'WhenStoppedHost', message: 'it stays on its dom0 driver until its domain starts' };
}

/** How one setting compares with what the manifests imply. */
export interface Comparison extends HideSetting {
  readonly same: boolean;
  /** Whether the kernel would reject all of it, and with it pciback. */
  readonly rejected: boolean;
  readonly missing: readonly Address[];
  /** Devices that are hidden and that no assignment wants to be. */
  readonly surplus: readonly string[];
}

/**
 * Compares a setting with what is implied. Pure.
 * @param present the devices of the host, which wildcards of the setting stand for.
 */
export function compareSetting(setting: HideSetting, hide: readonly Address[], present: Iterable<Address>): Comparison {
  const items = parseHide(setting.text);
  const covers = (address: string): boolean => (items ?? []).some(item => address.startsWith(item));
  const literal = (items ?? []).filter(item => /\.[0-7]$/.test(item));
  const hidden = new Set<string>([...literal, ...[...present].filter(covers)]);
  const missing = hide.filter(address => !hidden.has(address));
  const surplus = [...hidden].filter(address => !hide.some(wanted => wanted === address)).sort();
  const rejected = items === undefined;
  return { ...setting, same: !rejected && missing.length + surplus.length === 0, rejected, missing, surplus };
}

/** Whether all that says something says the same, and something does where there is a device to hide. */
export function isSame(comparisons: readonly Comparison[], hide: readonly Address[]): boolean {
  const told = comparisons.some(({ where, source }) => where !== 'cmdline' || source.startsWith('xen-'));
  return comparisons.every(({ same }) => same) && (told || hide.length === 0);
}
