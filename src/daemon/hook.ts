import type { Address } from '../api/address.ts';
import type { Dom0Layout } from '../api/layout.ts';
import type { SourceSnapshot } from '../api/manifest.ts';
import { messageOf } from '../controller/message-of.ts';
import type { InventoryStore, Source, StartHost } from '../controller/ports.ts';
import type { HeldDevice, Inventory } from '../plan/inventory.ts';
import {
  concernsStart,
  decideStart,
  type StartDecision,
  type StartDevice,
  type StartingDomain,
} from '../plan/start.ts';
import { acquireForStart } from './lock.ts';

/** What preparing a start is made of. */
export interface StartParts {
  readonly layout: Dom0Layout;
  /** Most domains have no devices, and need no look at the host: it is opened for those that have. */
  readonly openHost: () => Promise<StartHost>;
  readonly source: Source;
  readonly store: InventoryStore;
}

/** How a start was prepared: without `refusal`, one sentence, the domain may start. */
export interface Prepared {
  readonly starts: boolean;
  readonly refusal?: string;
}

const STARTS: Prepared = { starts: true };

/**
 * Prepares the start of a domain: its devices are there, the right ones, nobody else's, and on pciback when this
 * returns, or it says why not. Waits for devices that are being let go of.
 * @param signal ends it with a refusal.
 */
export async function prepareStart(
  parts: StartParts,
  starting: StartingDomain,
  signal: AbortSignal,
): Promise<Prepared> {
  const start = new Start(parts, starting, signal);
  try {
    const desired = await parts.source.read();
    // A domain without devices needs nothing that could fail.
    if (!concernsStart(starting, desired)) return STARTS;
    return await start.onHost(desired);
  } catch (error) {
    return refused(signal.aborted ? start.lateText() : `cannot prepare its devices: ${messageOf(error)}`);
  }
}

/** What a start is decided by. */
interface Work {
  readonly host: StartHost;
  readonly desired: SourceSnapshot;
  /** Waits until who has what has changed. */
  readonly changed: () => Promise<void>;
}

/** One start that is being prepared. */
class Start {
  readonly #parts: StartParts;
  readonly #starting: StartingDomain;
  readonly #signal: AbortSignal;
  #waitsFor: string | undefined;

  constructor(parts: StartParts, starting: StartingDomain, signal: AbortSignal) {
    this.#parts = parts;
    this.#starting = starting;
    this.#signal = signal;
  }

  /** Opens the host, with the devices reserved as long as it takes. */
  async onHost(desired: SourceSnapshot): Promise<Prepared> {
    const host = await this.#parts.openHost();
    try {
      return await host.reserving(this.#starting, this.#signal, () =>
        host.watching(this.#signal, changed => this.#prepare({ host, desired, changed })),
      );
    } finally {
      await host.close();
    }
  }

  async #prepare(work: Work): Promise<Prepared> {
    const decision = await this.#decide(work);
    if (decision.verdict !== 'go') return refused(decision.message);
    const { devices } = decision;
    const failure = await this.#makeReady(work.host, devices);
    if (failure !== undefined) return refused(failure);
    if (devices.length === 0) return STARTS;
    // No return code is believed: only a look shows what it has become.
    const after = await this.#decide(work);
    if (after.verdict !== 'go') return refused(after.message);
    const left = after.devices.find(({ record }) => record !== undefined);
    return left === undefined ? STARTS : refused(`xl reported success, but ${left.device} is not on pciback`);
  }

  /** What it could not wait for. */
  lateText(): string {
    return this.#waitsFor === undefined
      ? 'its devices were not ready in time'
      : `${this.#waitsFor}, and the time is up`;
  }

  async #decide({ host, desired, changed }: Work): Promise<StartDecision> {
    const { store } = this.#parts;
    for (;;) {
      const observed = await host.observe(this.#signal);
      // Only what is bound anew needs the record; whether it can be used is seen then.
      const inventory = await store.load().catch(() => new Map<Address, HeldDevice>());
      const decision = decideStart(this.#starting, observed, desired, inventory);
      this.#waitsFor = decision.verdict === 'wait' ? decision.message : undefined;
      if (decision.verdict !== 'wait') return decision;
      await changed();
    }
  }

  /** @returns why it could not be done. */
  async #makeReady(host: StartHost, devices: readonly StartDevice[]): Promise<string | undefined> {
    const { layout } = this.#parts;
    const records = devices.flatMap(({ record }) => (record === undefined ? [] : [record]));
    // A controller that runs has looked at these devices and keeps the record by itself; there is one writer.
    const lock = records.length === 0 ? undefined : await acquireForStart(layout, this.#signal);
    try {
      if (lock !== undefined) await this.#remember(records);
      for (const device of devices) await host.makeReady(device, this.#signal);
      return undefined;
    } catch (error) {
      if (this.#signal.aborted) throw error;
      return messageOf(error);
    } finally {
      await lock?.release();
    }
  }

  async #remember(records: readonly HeldDevice[]): Promise<void> {
    const { store } = this.#parts;
    const before: Inventory = await store.load();
    const isNew = records.some(record => JSON.stringify(before.get(record.address)) !== JSON.stringify(record));
    if (!isNew) return;
    await store.save(new Map([...before, ...records.map(record => [record.address, record] as const)]));
  }
}

function refused(refusal: string): Prepared {
  return { starts: false, refusal: refusal.replaceAll(/\s+/g, ' ') };
}
