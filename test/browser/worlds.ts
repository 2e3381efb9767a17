import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, CARDS, DEFAULT_WORLD, networkCard, rootPort, type World } from '../../src/simulator/model/world.ts';
import { CHECKOUT } from '../unit/cli/captured-shell.ts';

/** A simulated host, and the manifests that are written for it, by file name. */
export interface Scene {
  readonly world: World;
  readonly manifests: Readonly<Record<string, string>>;
}

/** A manifest of one assignment. */
export function assignment(name: string, domain: string, ...addresses: readonly string[]): string {
  const devices = addresses.map((address, index) => `{name: d${index}, address: ${address}}`);
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${name}}\nspec: {domain: ${domain}, devices: [${devices}]}\n`;
}

function sample(file: string): string {
  return readFileSync(join(CHECKOUT, 'manifests/samples', file), 'utf8');
}

/** What `npm start` shows where there is no Xen. */
export const SAMPLES: Scene = {
  world: DEFAULT_WORLD,
  manifests: Object.fromEntries(['media.yaml', 'storage.yaml', 'sys-net.yaml'].map(file => [file, sample(file)])),
};

/** Two assignments want one card for different domains. */
export const CONFLICT: Scene = {
  world: DEFAULT_WORLD,
  manifests: {
    'net.yaml': assignment('net', 'sys-net', '0000:01:00.0'),
    'one.yaml': assignment('one', 'storage', '0000:03:00.0'),
    'two.yaml': assignment('two', 'media', '0000:03:00.0'),
  },
};

const SLOTS = 66;
const DOMAINS = 50;
/** Running domains that have their two devices; then come those that are shut off, and those that wait. */
const SERVED = 38;
const OFF = 46;
const PASSTHROUGH = 48;

/**
 * A large host: 200 functions in 66 slots, and 50 domains with two functions each. 38 domains have theirs, 8 are shut off,
 * 2 are still to get theirs, 1 was started without passthrough, and 1 has no assignment.
 */
export function crowd(): Scene {
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  const pairs = Array.from({ length: SLOTS }, (_, slot) => {
    const port = at(`0000:00:${hex(4 + Math.floor(slot / 8))}.${slot % 8}`);
    const card = networkCard(at(`0000:${hex(slot + 1)}:00.0`), port);
    return { port: rootPort(port, slot + 1), card, second: { ...card, address: at(`0000:${hex(slot + 1)}:00.1`) } };
  });
  const uuid = (index: number): string => `7d3f0c11-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const name = (index: number): string => `vm-${String(index).padStart(2, '0')}`;
  // Spread over the slots, as guests come and go.
  const slotOf = (index: number): number => (index * 7) % SLOTS;
  const domains = Array.from({ length: DOMAINS }, (_, index) => {
    const { card, second } = pairs[slotOf(index)] as (typeof pairs)[number];
    const devices = index < SERVED ? [card.address, second.address] : [];
    const [running, passthrough] = [index < SERVED || index >= OFF, index < PASSTHROUGH];
    return { name: name(index), uuid: uuid(index), running, passthrough, devices };
  });
  const entries = domains.slice(0, -1).map((domain, index) => {
    const bus = hex(slotOf(index) + 1);
    const text = assignment(domain.name, domain.name, `0000:${bus}:00.0`, `0000:${bus}:00.1`);
    return [`${domain.name}.yaml`, text] as const;
  });
  const bridge = { address: at('0000:00:00.0'), identity: CARDS.hostBridge };
  const disk = {
    address: at('0000:00:01.0'),
    identity: CARDS.nvme,
    homeDriver: 'nvme',
    use: { disk: 'nvme0n1', mountedAt: '/' },
  };
  const devices = [bridge, disk, ...pairs.flatMap(({ port, card, second }) => [port, card, second])];
  return { world: { devices, domains }, manifests: Object.fromEntries(entries) };
}
