import type { Address } from '../../../src/api/address.ts';
import type { Approval } from '../../../src/plan/approval.ts';
import type { DeviceSpec } from '../../../src/simulator/model/device.ts';
import type { Domain, DomainSpec } from '../../../src/simulator/model/domain.ts';
import { Model } from '../../../src/simulator/model/model.ts';
import { at, networkCard, nvmeDisk, rootPort } from '../../../src/simulator/model/world.ts';
import type { Random } from '../random.ts';
import type { Chaos } from './chaos.ts';
import { type Disk, Folder, newDisk } from './folder.ts';
import type { Tally } from './tally.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

/** The guests that manifests are about. */
export const DOMAINS = ['red', 'blue', 'green', 'grey'] as const;

/** The devices that manifests may name. */
export const DEVICES: readonly Address[] = ['01:00.0', '02:00.0', '03:00.0', '04:00.0', '05:00.0', '05:00.1'].map(
  text => at(`0000:${text}`),
);

/** A device that no manifest ever names. */
export const UNNAMED: Address = at('0000:06:00.0');

/** The devices by where they hang, which says the same as their addresses here. */
export const BY_PATH: ReadonlyMap<string, Address> = new Map(
  [...DEVICES, UNNAMED].map(address => [pathOf(address), address]),
);

/** Where a device hangs: behind the root port of its bus. */
export function pathOf(address: Address): string {
  return `00_1${busOf(address)}.0/00_00.${address.at(-1)}`;
}

function busOf(address: Address): number {
  return Number(address.slice(6, 7));
}

/** The domain's UUID, by its place among the names. */
export function uuidOf(index: number): string {
  return `2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a00${index}`;
}

const GUEST_ANSWER_MS = 4_000;

/** Everything outside the daemon. */
export class World {
  readonly model: Model;
  readonly time: VirtualTime;
  readonly chaos: Chaos;
  readonly trace: Trace;
  readonly tally: Tally;
  readonly folder: Folder = new Folder();
  readonly disk: Disk = newDisk();
  /** Whether nothing is made to fail any more, and nobody does anything. */
  isCalm = false;
  /** What a person has approved. */
  approvals: readonly Approval[] = [];
  /** A file that a person tries in place of the one in the folder, until a time in elapsed ms. */
  trial: { readonly path: string; readonly text: string; readonly until: number } | undefined;
  /** The assignments that persons have suspended; `all` when that is not readable. */
  suspended: ReadonlySet<string> | 'all' = new Set();
  readonly #stateListeners = new Set<() => void>();
  /** Whether guests are to answer what dom0 has begun. */
  isAnswerDue = false;

  /** @param isSmall whether it has hardly more than one guest. */
  constructor(parts: Pick<World, 'time' | 'chaos' | 'trace' | 'tally'>, isSmall: boolean) {
    this.time = parts.time;
    this.chaos = parts.chaos;
    this.trace = parts.trace;
    this.tally = parts.tally;
    this.model = new Model(randomHost(parts.chaos.random, isSmall));
    for (const domain of this.model.dom0.domains.values()) {
      if (parts.chaos.random.chance(0.25)) preserveWhenCrashed(domain);
    }
  }

  /** Something that persons have told the daemon through its state folder has changed. */
  stateChanged(): void {
    for (const listener of this.#stateListeners) listener();
  }

  /** How many listen to that. */
  get stateWatches(): number {
    return this.#stateListeners.size;
  }

  onState(listener: () => void): () => void {
    this.#stateListeners.add(listener);
    return () => void this.#stateListeners.delete(listener);
  }

  /** What dom0 has begun, guests answer after a while, all of it together. */
  guestsAnswer(): void {
    if (this.isAnswerDue) return;
    this.isAnswerDue = true;
    this.time.after(this.chaos.latency(GUEST_ANSWER_MS), () => {
      this.isAnswerDue = false;
      this.model.settle();
    });
  }
}

function randomHost(random: Random, isSmall: boolean): { devices: DeviceSpec[]; domains: DomainSpec[] } {
  const devices = [...DEVICES, UNNAMED].flatMap(address => {
    const bus = busOf(address);
    const port = at(`0000:00:1${bus}.0`);
    const card = randomCard(address, port, random);
    return address.endsWith('.0') ? [rootPort(port, bus), card] : [card];
  });
  const count = isSmall ? random.pick([1, 1, 2]) : random.pick([2, 3, 4]);
  // libvirt starts no guest with a device that cannot be reset.
  const free = new Set(
    devices
      .filter(({ parent, resetMethods }) => parent !== undefined && resetMethods?.length !== 0)
      .map(d => d.address),
  );
  const domains = DOMAINS.slice(0, count).map((name, index): DomainSpec => {
    const isRunning = random.chance(0.7);
    const isXl = index === 3 && random.chance(0.6);
    const own = [...free].filter(() => random.chance(0.1));
    for (const address of own) free.delete(address);
    return {
      name,
      uuid: uuidOf(index),
      type: random.chance(0.75) ? 'pv' : 'hvm',
      toolstack: isXl ? 'xl' : 'libvirt',
      passthrough: random.chance(0.85),
      running: isRunning || isXl,
      devices: own,
    };
  });
  return { devices, domains };
}

function randomCard(address: Address, port: Address, random: Random): DeviceSpec {
  const card = random.chance(0.5) ? networkCard(address, port) : nvmeDisk(address, port);
  const use = random.chance(0.08) ? { use: { disk: 'nvme0n1', mountedAt: '/srv' } } : {};
  const kind = Math.floor(random.next() * 10);
  const reset = kind === 0 ? { resetMethods: [] } : kind === 1 ? { resetMethods: ['pm'] } : {};
  return { ...card, ...use, ...reset };
}

/** Its definition says that it is to be kept for examination when it has crashed. */
function preserveWhenCrashed(domain: Domain): void {
  const otherElements = '<on_crash>preserve</on_crash>';
  if (domain.stored !== undefined) domain.stored = { ...domain.stored, otherElements };
  if (domain.instance !== undefined) domain.instance.live = { ...domain.instance.live, otherElements };
}
