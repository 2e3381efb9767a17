import type { SourceSnapshot } from '../api/manifest.ts';
import type { Approval } from '../plan/approval.ts';
import type { Given } from '../plan/given.ts';
import type { Inventory } from '../plan/inventory.ts';
import type { Observed } from '../plan/observed.ts';
import type { StartDevice, StartingDomain } from '../plan/start.ts';
import type { Step } from '../plan/step.ts';

/** The dom0: everything the controller may see of it and do to it. */
export interface Host {
  /**
   * One consistent look.
   * @throws {HostError} when any part could not be read: a partial look is no look.
   */
  observe(signal: AbortSignal): Promise<Observed>;
  /**
   * Takes one step, after checking once more that it is possible. Returning means only that nothing complained.
   * @param remark told what went wrong on the way and was put up with, as the policy has it.
   * @throws {HostError} with the toolstack's own words.
   */
  perform(step: Step, signal: AbortSignal, remark?: (text: string) => void): Promise<void>;
  /** Calls `hint` whenever something may have changed. @returns a function that ends it. */
  onHint(hint: (about: string) => void): () => void;
  /** Lets go of every connection. */
  close(): Promise<void>;
}

/** The dom0 as libvirt's hook may use it: libvirt answers nobody while it starts a domain. */
export interface StartHost {
  /**
   * One look without libvirt: every domain is one of xl's, and what is being let go of is not settled.
   * @throws {HostError} when any part could not be read.
   */
  observe(signal: AbortSignal): Promise<Observed>;
  /**
   * Calls `body` with a function that waits until who has what has changed; what changed meanwhile counts.
   * @throws {HostError}; what `body` throws.
   */
  watching<T>(signal: AbortSignal, body: (changed: () => Promise<void>) => Promise<T>): Promise<T>;
  /**
   * Keeps every controller from binding and releasing these devices while `body` runs, and those steps that have begun
   * have ended before it does. When `body` says that the domain starts, they stay reserved until it has been created.
   * @throws {HostError}; what `body` throws.
   */
  reserving<T extends { readonly starts: boolean }>(
    domain: StartingDomain,
    signal: AbortSignal,
    body: () => Promise<T>,
  ): Promise<T>;
  /** Puts a device on pciback, in quarantine, and without the write access of an earlier guest. @throws {HostError} */
  makeReady(device: StartDevice, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Where the desired state comes from. */
export interface Source {
  /** Reads all that is desired now; never throws: what is wrong is in `problems`. */
  read(): Promise<SourceSnapshot>;
  /** Calls `hint` whenever something may have changed. @returns a function that ends it. */
  onHint(hint: (about: string) => void): () => void;
  close(): Promise<void>;
}

/** The record of what we hold, kept over restarts. */
export interface InventoryStore {
  /** @throws when the record exists but cannot be read: then nothing may be given back. */
  load(): Promise<Inventory>;
  /** Returns when the record is on disk. @throws when it is not: then no step may follow. */
  save(inventory: Inventory): Promise<void>;
}

/** Which card each running guest was given, kept over restarts of the controller. */
export interface GivenStore {
  /** @throws when it is there and cannot be read. */
  load(): Promise<Given>;
  /** @throws when it cannot be kept. */
  save(given: Given): Promise<void>;
}

/** What a person has approved. */
export interface ApprovalStore {
  /** @throws when the approvals are there and cannot be read: then nothing counts as approved. */
  load(): Promise<readonly Approval[]>;
  /** Calls `hint` whenever something may have been approved. @returns a function that ends it. */
  onHint(hint: () => void): () => void;
}

/** Time, so that a test can own it. Milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** How long the host has slept since it was started, all its sleeps together, ms. Timers stand still meanwhile. */
  asleepMs(): number;
  /** Calls `wake` once, `delayMs` from now. @returns a function that calls it off. */
  after(delayMs: number, wake: () => void): () => void;
}

/** Why the host could not be looked at or changed; `code` is stable, `message` is a sentence. */
export class HostError extends Error {
  readonly code: HostErrorCode;
  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HostError';
    this.code = code;
  }
}

export type HostErrorCode =
  /** xenstored, libvirtd, xl or sysfs could not be reached or read. */
  | 'Unreachable'
  /** The world is no longer as the step assumes. */
  | 'PreconditionFailed'
  /** xl or libvirt refused or failed the step. */
  | 'StepFailed'
  /** No answer before the deadline. */
  | 'DeadlineExceeded';
