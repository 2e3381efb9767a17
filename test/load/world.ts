import type { Address } from '../../src/api/address.ts';
import { at, CARDS, type World } from '../../src/simulator/index.ts';

/** One domain of the loaded host, and its two devices. */
export interface Guest {
  readonly name: string;
  readonly uuid: string;
  readonly devices: readonly [Address, Address];
  readonly running: boolean;
}

/** Of so many domains one is off. */
const OFF_EVERY = 20;
const SLOTS = 32;

/** The domains, always the same ones. The first runs. */
export function guestsOf(count: number): Guest[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `guest-${String(index).padStart(4, '0')}`,
    uuid: `2a1c7c35-4f0b-4b53-8f0e-${index.toString(16).padStart(12, '0')}`,
    devices: [slotAt(2 * index), slotAt(2 * index + 1)],
    running: index % OFF_EVERY !== OFF_EVERY - 1,
  }));
}

/** One card in each slot, so that each can move alone. */
function slotAt(index: number): Address {
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return at(`0000:${hex(1 + Math.floor(index / SLOTS))}:${hex(index % SLOTS)}.0`);
}

/** The host at the beginning: those that run have their devices, those that are off are still to be prepared. */
export function worldOf(guests: readonly Guest[]): World {
  return {
    devices: guests.flatMap(({ devices }) =>
      devices.map(address => ({ address, identity: CARDS.e1000e, homeDriver: 'e1000e', resetMethods: ['flr', 'bus'] })),
    ),
    domains: guests.map(({ name, uuid, devices, running }) => ({
      name,
      uuid,
      passthrough: true,
      running,
      ...(running ? { devices } : {}),
    })),
  };
}
