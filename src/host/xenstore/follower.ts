import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { lookup } from '../../plan/lookup.ts';
import { XenstoreError } from '../../xenstore-client/index.ts';
import { HOLDING_PATHS, identityPaths, listDomains, mayBecomeStub, readNodes, targetPath } from './nodes.ts';
import {
  ATTEMPTS,
  type Made,
  named,
  neverStill,
  readXenstore,
  unreadable,
  viewOf,
  type XenstoreAccess,
  type XenstoreView,
} from './view.ts';
import { COME_AND_GO, WatchedStore } from './watched-store.ts';

/** After this everything is read anew, whatever watches said, seconds. */
const BELIEVED_S = 600;

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
interface Seen extends Made {
  readonly doubts: number;
  readonly domids: readonly number[];
}

class XenstoreFollower {
  readonly #client: XenstoreAccess;
  readonly #store: WatchedStore;
  /** Those whose own nodes are watched. */
  readonly #watched = new Set<number>();
  #seen: Seen | undefined;
  #readAnew = process.uptime();
  /** The last look that was begun, which the next one waits for. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: XenstoreAccess) {
    this.#client = client;
    this.#store = new WatchedStore(client);
  }

  async look(signal: AbortSignal): Promise<XenstoreView> {
    const look = this.#last.then(() => {
      signal.throwIfAborted();
      return this.#look();
    });
    this.#last = look.catch(() => undefined);
    try {
      return await untilAborted(look, signal);
    } catch (error) {
      if (error instanceof HostError) throw error;
      signal.throwIfAborted();
      // A quota of watches, say: without them every look has to read everything.
      if (error instanceof XenstoreError && error.operation === 'watch') return readXenstore(this.#client, signal);
      throw unreadable(messageOf(error), error);
    }
  }

  async #look(): Promise<XenstoreView> {
    if (process.uptime() - this.#readAnew > BELIEVED_S) {
      this.#store.forget();
      this.#readAnew = process.uptime();
    }
    await Promise.all([...COME_AND_GO, ...HOLDING_PATHS].map(path => this.#store.cover(path)));
    let domids = this.#seen?.domids ?? (await listDomains(this.#store));
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const { seen, present } = await this.#read(domids);
      const isSame = sameNumbers(present, domids);
      if (isSame && this.#store.doubts === seen.doubts) {
        this.#seen = seen;
        return seen.view;
      }
      const restless = attempt < PATIENT_ATTEMPTS ? undefined : this.#store.restlessSince(seen.doubts);
      if (restless !== undefined && isSame) return withRestless(seen.view, restless);
      if (!isSame) domids = present;
    }
    throw neverStill();
  }

  /** @returns what was seen, and the domains that are present as xenstored said after all of that. */
  async #read(domids: readonly number[]): Promise<{ readonly seen: Seen; readonly present: readonly number[] }> {
    await this.#watchDomains(domids);
    const { doubts } = this.#store;
    this.#store.refresh();
    // With the answer to what is asked last, all news of what was read before it has come. Mostly that is this one.
    const listing = this.#listLast();
    const asked = this.#store.asked;
    const [seen, { present, isLast }] = await Promise.all([this.#assemble(domids, doubts), listing]);
    await this.#watchStubs(seen);
    const nothingSince = isLast && this.#store.asked === asked;
    return { seen, present: nothingSince ? present : await listDomains(this.#store) };
  }

  async #listLast(): Promise<{ readonly present: readonly number[]; readonly isLast: boolean }> {
    const present = await listDomains(this.#store);
    return { present, isLast: this.#store.open === 0 };
  }

  async #assemble(domids: readonly number[], doubts: number): Promise<Seen> {
    const before = this.#seen;
    if (before?.doubts === doubts && before.domids === domids) return before;
    const found = await readNodes(this.#store, domids);
    const alive = await this.#store.introduced(named(found));
    return { found, alive, view: viewOf(found, alive, before), doubts, domids };
  }

  async #watchDomains(domids: readonly number[]): Promise<void> {
    if (domids === this.#seen?.domids) return;
    const present = new Set(domids);
    const gone = [...this.#watched].filter(domid => !present.has(domid));
    for (const path of gone.flatMap(identityPaths)) this.#store.uncover(path);
    for (const domid of gone) this.#watched.delete(domid);
    const fresh = domids.filter(domid => !this.#watched.has(domid));
    await Promise.all(
      fresh.map(domid => {
        // libxl writes the others in the transaction in which it writes the name (libxl_create.c, libxl__domain_make).
        const [name, ...others] = identityPaths(domid);
        return this.#store.cover(name, others);
      }),
    );
    for (const domid of fresh) this.#watched.add(domid);
  }

  /** Only a stub domain's target comes later than its name. The new watch calls into question what was read until now. */
  async #watchStubs({ found }: Seen): Promise<void> {
    const stubs = [...found.domains.values()].filter(mayBecomeStub).map(({ domid }) => targetPath(domid));
    await Promise.all(stubs.filter(path => !this.#store.isWatched(path)).map(path => this.#store.cover(path)));
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
