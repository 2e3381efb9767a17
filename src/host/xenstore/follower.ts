import { HostError } from '../../controller/ports.ts';
import { lookup } from '../../plan/lookup.ts';
import { XenstoreError } from '../../xenstore-client/index.ts';
import { errorText } from '../small-file.ts';
import { HOLDING_PATHS, identityPaths, listDomains, readNodes } from './nodes.ts';
import {
  ATTEMPTS,
  neverStill,
  readXenstore,
  unreadable,
  viewOf,
  type XenstoreAccess,
  type XenstoreView,
} from './view.ts';
import { COME_AND_GO, WatchedStore } from './watched-store.ts';

/** After this everything is read anew, whatever watches said, ms. */
const BELIEVED_MS = 600_000;

/**
 * Looks at xenstore: at everything the first time, and then only at what watches have called into question. Every look ends
 * with an answer that xenstored gave after all that it shows, so it was true at one moment, as in a transaction. Only the
 * states of a guest that changes them all the time, which it can, may be of several moments: its backend is then shown as
 * one that is being changed.
 * @throws {HostError} Unreachable when xenstore cannot be read or never stands still.
 */
export function lookAtXenstore(client: XenstoreAccess, signal: AbortSignal): Promise<XenstoreView> {
  // Without that order a change may be told after what was asked later: then nothing is kept.
  return client.eventsInOrder ? followerOf(client).look(signal) : readXenstore(client, signal);
}

const followerOf = lookup((client: XenstoreAccess) => new XenstoreFollower(client));

/** Looks after which a guest that keeps changing its states is no longer waited for. */
const PATIENT_ATTEMPTS = 4;

/** What was seen last, and what it rests on. */
interface Seen {
  readonly view: XenstoreView;
  readonly doubts: number;
  readonly domids: readonly number[];
}

class XenstoreFollower {
  readonly #client: XenstoreAccess;
  readonly #store: WatchedStore;
  /** Those whose own nodes are watched. */
  readonly #watched = new Set<number>();
  #seen: Seen | undefined;
  #readAnew = performance.now();

  constructor(client: XenstoreAccess) {
    this.#client = client;
    this.#store = new WatchedStore(client);
  }

  async look(signal: AbortSignal): Promise<XenstoreView> {
    try {
      return await untilAborted(this.#look(), signal);
    } catch (error) {
      if (error instanceof HostError) throw error;
      signal.throwIfAborted();
      // A quota of watches, say: without them every look has to read everything.
      if (error instanceof XenstoreError && error.operation === 'watch') return readXenstore(this.#client, signal);
      throw unreadable(errorText(error), error);
    }
  }

  async #look(): Promise<XenstoreView> {
    if (performance.now() - this.#readAnew > BELIEVED_MS) {
      this.#store.forget();
      this.#readAnew = performance.now();
    }
    await Promise.all([...COME_AND_GO, ...HOLDING_PATHS].map(path => this.#store.cover(path)));
    let domids = this.#seen?.domids ?? (await listDomains(this.#store));
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const seen = await this.#read(domids);
      // Asked after everything else: with its answer all news of what was read before it has come.
      domids = await listDomains(this.#store);
      if (this.#store.doubts === seen.doubts && sameNumbers(domids, seen.domids)) {
        this.#seen = seen;
        return seen.view;
      }
      const restless = attempt < PATIENT_ATTEMPTS ? undefined : this.#store.restlessSince(seen.doubts);
      if (restless !== undefined && sameNumbers(domids, seen.domids)) return withRestless(seen.view, restless);
    }
    throw neverStill();
  }

  async #read(domids: readonly number[]): Promise<Seen> {
    await this.#watchDomains(domids);
    const { doubts } = this.#store;
    if (this.#seen?.doubts === doubts && sameNumbers(this.#seen.domids, domids)) return this.#seen;
    const nodes = await readNodes(this.#store, domids);
    const view = await viewOf(nodes, domid => this.#store.isDomainIntroduced(domid));
    return { view, doubts, domids };
  }

  async #watchDomains(domids: readonly number[]): Promise<void> {
    const present = new Set(domids);
    const gone = [...this.#watched].filter(domid => !present.has(domid));
    for (const path of gone.flatMap(identityPaths)) this.#store.uncover(path);
    for (const domid of gone) this.#watched.delete(domid);
    const fresh = domids.filter(domid => !this.#watched.has(domid));
    await Promise.all(fresh.flatMap(identityPaths).map(path => this.#store.cover(path)));
    for (const domid of fresh) this.#watched.add(domid);
  }
}

/** The same view with the backends of these guests as ones that are being changed: nobody takes a step on them then. */
function withRestless(view: XenstoreView, restless: ReadonlySet<number>): XenstoreView {
  const served = new Set([...restless].map(domid => view.domains.get(domid)?.target ?? domid));
  const backends = view.backends.map(each => (served.has(each.domid) ? { ...each, consistent: false } : each));
  return { ...view, backends };
}

function sameNumbers(some: readonly number[], others: readonly number[]): boolean {
  return some.length === others.length && some.every((each, index) => each === others[index]);
}

/** What is under way goes on; it has deadlines of its own. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
