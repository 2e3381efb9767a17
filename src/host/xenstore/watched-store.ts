import { XenstoreError } from '../../xenstore-client/index.ts';
import { KeptAnswers } from './kept-answers.ts';
import type { XenstoreReader } from './nodes.ts';

/** The part of XenstoreClient that is read and watched through. */
export interface WatchableStore extends XenstoreReader {
  isDomainIntroduced(domid: number): Promise<boolean>;
  watch(path: string, listener: (event: { readonly path: string }) => void): Promise<{ close(): Promise<void> }>;
  onDisconnect(listener: () => void): () => void;
}

/** What xenstored tells of domains that come and go. */
export const COME_AND_GO = ['@introduceDomain', '@releaseDomain'] as const;

/** The states of a guest's PCI backend, which pciback writes whenever the guest writes its own. */
const STATE = /^\/local\/domain\/0\/backend\/pci\/(\d{1,5})\/\d{1,5}\/state(?:-\d{1,4})?$/;

/**
 * Reads xenstore and keeps the answers while watches cover them. Where events and answers come in order, an event that
 * calls an answer into question comes before the answer to whatever is asked after the change: so when no event has come
 * up to some answer, everything that is kept was true when xenstored gave it. A path without a watch is asked each time.
 */
export class WatchedStore implements XenstoreReader {
  readonly #client: WatchableStore;
  readonly #kept = new KeptAnswers();
  readonly #introduced = new Map<number, Promise<boolean>>();
  readonly #watches = new Map<string, Promise<{ close(): Promise<void> }>>();
  readonly #covered = new Set<string>();
  #doubts = 0;
  /** The count of doubts at the last one about anything but the state of a backend. */
  #lastGrave = 0;
  /** The same for the last one about each guest's states. */
  readonly #lastState = new Map<number, number>();

  constructor(client: WatchableStore) {
    this.#client = client;
    // The client sets its watches up again, and each of them fires then; what was kept until now is of another time.
    client.onDisconnect(() => this.forget());
  }

  /** How often something that was kept has been called into question. */
  get doubts(): number {
    return this.#doubts;
  }

  /**
   * The guests whose backends' states alone have been called into question since the count was this.
   * @returns undefined when anything else has been.
   */
  restlessSince(doubts: number): ReadonlySet<number> | undefined {
    if (this.#lastGrave > doubts) return undefined;
    return new Set([...this.#lastState].flatMap(([domid, last]) => (last > doubts ? [domid] : [])));
  }

  read(path: string): Promise<string> {
    const known = this.#kept.find(path)?.value;
    if (known !== undefined) return known;
    const asked = this.#client.read(path);
    if (!this.#isCovered(path)) return asked;
    const answers = this.#kept.at(path);
    answers.value = this.#keep(asked, () => delete answers.value);
    return asked;
  }

  directory(path: string): Promise<string[]> {
    const known = this.#kept.find(path)?.names;
    if (known !== undefined) return known;
    const asked = this.#client.directory(path);
    if (!this.#isCovered(path)) return asked;
    const answers = this.#kept.at(path);
    answers.names = this.#keep(asked, () => delete answers.names);
    return asked;
  }

  /** What is made of a node and those below it, and of nothing else: made anew when one of them has changed. */
  making<T>(folder: string, make: () => Promise<T>): Promise<T> {
    const known = this.#kept.find(folder)?.made;
    // Whoever asks for this folder makes the same of it.
    if (known !== undefined) return known as Promise<T>;
    const making = make();
    if (!this.#isCovered(folder)) return making;
    const answers = this.#kept.at(folder);
    answers.made = this.#keep(making, () => delete answers.made);
    return making;
  }

  /** Whether xenstored serves the domain. Kept between news of domains that come and go. */
  isDomainIntroduced(domid: number): Promise<boolean> {
    const known = this.#introduced.get(domid);
    if (known !== undefined) return known;
    const asked = this.#client.isDomainIntroduced(domid);
    if (!COME_AND_GO.every(event => this.#covered.has(event))) return asked;
    this.#introduced.set(
      domid,
      this.#keep(asked, () => this.#introduced.delete(domid)),
    );
    return asked;
  }

  /**
   * Keeps, from when this returns, what is answered at or below the path. A path that is covered already stays so.
   * @throws what the client throws; the path is not covered then.
   */
  async cover(path: string): Promise<void> {
    const known = this.#watches.get(path);
    if (known !== undefined) return void (await known);
    const watch = this.#watch(path);
    this.#watches.set(path, watch);
    try {
      await watch;
      if (this.#watches.get(path) === watch) this.#covered.add(path);
    } catch (error) {
      this.#watches.delete(path);
      throw error;
    }
  }

  /** Keeps nothing at or below the path any more. Its watch is taken down; nobody has to wait for that. */
  uncover(path: string): void {
    const watch = this.#watches.get(path);
    this.#watches.delete(path);
    this.#covered.delete(path);
    this.#doubt(path);
    // A connection that is lost meanwhile has no watches left to take down.
    watch?.then(each => each.close()).catch(() => undefined);
  }

  /** Forgets all answers: the next ones are asked for afresh. */
  forget(): void {
    this.#doubts += 1;
    this.#lastGrave = this.#doubts;
    this.#lastState.clear();
    this.#kept.clear();
    this.#introduced.clear();
  }

  /** A watch fires once when it is set up: what comes after that is news. */
  async #watch(path: string): Promise<{ close(): Promise<void> }> {
    let fired = (): void => undefined;
    const first = new Promise<void>(resolve => {
      fired = resolve;
    });
    const watch = await this.#client.watch(path, event => {
      this.#doubt(event.path);
      fired();
    });
    await first;
    return watch;
  }

  #doubt(path: string): void {
    this.#doubts += 1;
    const restless = STATE.exec(path)?.[1];
    if (restless === undefined) this.#lastGrave = this.#doubts;
    else this.#lastState.set(Number(restless), this.#doubts);
    if (path.startsWith('@')) this.#introduced.clear();
    else this.#kept.doubt(path);
  }

  #isCovered(path: string): boolean {
    for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) {
      if (this.#covered.has(path.slice(0, at))) return true;
    }
    return false;
  }

  /** What is not there is an answer; anything else that goes wrong is none, and is asked again. */
  #keep<T>(answer: Promise<T>, drop: () => void): Promise<T> {
    answer.catch((error: unknown) => {
      if (!(error instanceof XenstoreError && error.code === 'ENOENT')) drop();
    });
    return answer;
  }
}
