import type { SourceSnapshot } from '../api/manifest.ts';
import type { Approval } from '../plan/approval.ts';
import { type Given, nextGiven, withPutBack } from '../plan/given.ts';
import type { Inventory } from '../plan/inventory.ts';
import type { Observed } from '../plan/observed.ts';
import type { Backoff } from './backoff.ts';
import { startDeadline } from './deadline.ts';
import { messageOf } from './message-of.ts';
import type { ApprovalStore, Clock, GivenStore, Host, InventoryStore, Source } from './ports.ts';
import type { Reporter } from './report.ts';
import { sameLook, sameManifests } from './same-objects.ts';

/** What looks are made of. */
export interface LooksParts {
  readonly host: Host;
  readonly source: Source;
  readonly store: InventoryStore;
  /** Absent: what guests were given is known as long as the controller lives. */
  readonly given?: GivenStore;
  /** Absent: nothing is ever approved. */
  readonly approvals?: ApprovalStore;
  readonly clock: Clock;
  readonly report: Reporter;
}

/** All that is to be decided by. */
export interface Found {
  readonly source: SourceSnapshot;
  readonly observed: Observed;
  readonly inventory: Inventory;
  readonly approvals: readonly Approval[];
}

/** The key of looks that fail. */
export const LOOK = 'look';

/** Looks at the host and reads what is wanted of it. What is as it was last time is the same objects. */
export class Looks {
  readonly #parts: LooksParts;
  readonly #backoff: Backoff;
  readonly #deadlineMs: number;
  #inventory: Inventory | undefined;
  #given: Given | undefined;
  /** What of that is kept, and the look before this one, whatever came of it. */
  #kept: Given | undefined;
  #seen: Observed | undefined;
  #last: Pick<Found, 'source' | 'observed'> | undefined;
  #approvalsError: string | undefined;

  /** @param deadlineMs after this a look is given up. */
  constructor(parts: LooksParts, backoff: Backoff, deadlineMs: number) {
    this.#parts = parts;
    this.#backoff = backoff;
    this.#deadlineMs = deadlineMs;
  }

  /** What is on disk from now on. */
  remember(inventory: Inventory): void {
    this.#inventory = inventory;
  }

  /** @returns undefined when it has failed, which is reported, or was called off. */
  async take(signal: AbortSignal): Promise<Found | undefined> {
    const { host, source, store, clock, report } = this.#parts;
    const deadline = startDeadline(clock, this.#deadlineMs, signal);
    try {
      this.#inventory ??= await store.load();
      const observed = sameLook(this.#last?.observed, await this.#compared(await host.observe(deadline.signal)));
      const approvals = await this.#loadApprovals();
      const manifests = sameManifests(this.#last?.source, await source.read());
      this.#last = { source: manifests, observed };
      this.#backoff.forget(LOOK);
      return { source: manifests, observed, inventory: this.#inventory, approvals };
    } catch (cause) {
      if (signal.aborted) return undefined;
      const error = deadline.passed()
        ? `no look within ${this.#deadlineMs / 1000} s: ${messageOf(cause)}`
        : messageOf(cause);
      report({ type: 'LookFailed', error, retryAt: this.#backoff.fail(LOOK, error, clock.now()).until });
      return undefined;
    } finally {
      deadline.end();
    }
  }

  /**
   * The look compared with what the guests were given, which is kept first: what is seen now may not show any more when it
   * is needed. @throws when it cannot be kept.
   */
  async #compared(observed: Observed): Promise<Observed> {
    const { given: store } = this.#parts;
    this.#kept ??= (await store?.load()) ?? new Map();
    const given = nextGiven(this.#given ?? this.#kept, this.#seen, observed);
    this.#given = given;
    this.#seen = observed;
    if (given !== this.#kept) await store?.save(given);
    this.#kept = given;
    return withPutBack(observed, given);
  }

  async #loadApprovals(): Promise<readonly Approval[]> {
    const { approvals, report } = this.#parts;
    try {
      const loaded = (await approvals?.load()) ?? [];
      this.#approvalsError = undefined;
      return loaded;
    } catch (cause) {
      const error = messageOf(cause);
      if (error !== this.#approvalsError) report({ type: 'ApprovalsUnreadable', error });
      this.#approvalsError = error;
      return [];
    }
  }
}
