import type { Address } from '../api/address.ts';
import { isBridge } from './claims.ts';
import { grouped, lookup } from './lookup.ts';
import type { Observed, ObservedDevice } from './observed.ts';

/** Another function that should have the same owner, and why. */
export interface Companion {
  readonly device: ObservedDevice;
  readonly shares: 'slot' | 'reset';
}

/**
 * The functions that belong together with a device: those of its slot, and where it can only be reset with its whole bus
 * those on that bus. Bridges are no guest's, and virtual functions are made to be given away singly.
 */
export function companionsOf(device: ObservedDevice, { devices }: Observed): Companion[] {
  if (!isGivenWhole(device)) return [];
  const slot = slotOf(device.address);
  const near = needsBusReset(device) ? onBus(devices).get(busOf(device.address)) : inSlot(devices).get(slot);
  return (near ?? [])
    .filter(other => other.address !== device.address)
    .map(other => ({ device: other, shares: slotOf(other.address) === slot ? 'slot' : 'reset' }));
}

type Devices = Observed['devices'];

/** The buses on which some device can only be reset with all others. */
export const busesResetWhole: (devices: Devices) => ReadonlySet<string> = lookup(
  devices =>
    new Set(
      wholes(devices)
        .filter(needsBusReset)
        .map(device => busOf(device.address)),
    ),
);

const wholes = (devices: Devices): ObservedDevice[] => [...devices.values()].filter(isGivenWhole);
const inSlot = lookup((devices: Devices) => grouped(wholes(devices), ({ address }) => slotOf(address)));
const onBus = lookup((devices: Devices) => grouped(wholes(devices), ({ address }) => busOf(address)));

function isGivenWhole(device: ObservedDevice): boolean {
  return device.present && device.virtual !== true && !isBridge(device);
}

/** Resets of its own are FLR, power management and what a quirk knows. A root bus has no bridge that could reset it. */
function needsBusReset({ path, resetMethods }: ObservedDevice): boolean {
  return path.includes('/') && resetMethods.every(method => method === 'bus');
}

/** `dddd:bb`: canonical addresses have their last five characters for slot and function. */
export function busOf(address: Address): string {
  return address.slice(0, -5);
}

/** `dddd:bb:dd`. */
export function slotOf(address: Address): string {
  return address.slice(0, -2);
}
