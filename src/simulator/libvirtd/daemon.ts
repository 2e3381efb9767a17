import type { Faults } from '../faults.ts';
import type { Model } from '../model/model.ts';
import type { Hooks } from './hooks.ts';
import type { Jobs } from './jobs.ts';

/** What the handlers of all connections share. */
export interface Daemon {
  readonly model: Model;
  readonly faults: Faults;
  readonly jobs: Jobs;
  readonly hooks: Hooks;
}

/** A subscription of one connection to lifecycle events. */
export interface Subscription {
  readonly callbackId: number;
  /** Only of this domain; of all when absent. */
  readonly uuid: string | undefined;
}

/** What a connection has agreed on. */
export interface ClientState {
  isOpen: boolean;
  /** The client answers pings. */
  keepalive: boolean;
  readonly subscriptions: Map<number, Subscription>;
  nextCallbackId: number;
}

/** A connection that has just been accepted. */
export function newClient(): ClientState {
  return { isOpen: false, keepalive: false, subscriptions: new Map(), nextCallbackId: 0 };
}
