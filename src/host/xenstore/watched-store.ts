import { XenstoreError } from '../../xenstore-client/index.ts';
import { type Answer, KeptAnswers } from './kept-answers.ts';
import { KeptParts } from './kept-parts.ts';
import { PARTS_AT_ONCE, type PartKind, type XenstoreReader } from './nodes.ts';
import { WatchedPaths, type Watcher } from './watched-paths.ts';

/** The part of XenstoreClient that is read and watched through. */
export interface WatchableStore extends XenstoreReader, Watcher {
  isDomainIntroduced(domid: number): Promise<boolean>;
  onDisconnect(listener: () => void): () => void;
}

const INTRODUCE = '@introduceDomain';
/** What xenstored tells of domains that come and go. */
export const COME_AND_GO: readonly string[] = [INTRODUCE, '@releaseDomain'];

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
  readonly #parts = new Map<object, KeptParts<unknown, unknown>>();
  readonly #introduced = new Map<number, Answer<boolean>>();
  /** The domains that exist, as last told: the same object as long as they are the same. */
  #alive: ReadonlySet<number> = new Set();
  readonly #watches: WatchedPaths;
  /** What has been called into question and will be asked for again: values by their paths, lists by their folders. */
  readonly #doubted = { values: new Set<string>(), lists: new Set<string>() };
  #asked = 0;
  #open = 0;
  #doubts = 0;
  /** The count of doubts at the last one about anything but the state of a backend. */
  #lastGrave = 0;
  /** The same for the last one about each guest's states. */
  readonly #lastState = new Map<number, number>();

  constructor(client: WatchableStore) {
    this.#client = client;
    this.#watches = new WatchedPaths(client, path => this.#doubt(path));
    // The client sets its watches up again, and each of them fires then; what was kept until now is of another time.
    client.onDisconnect(() => this.forget());
  }

  /** How often something that was kept has been called into question. */
  get doubts(): number {
    return this.#doubts;
  }

  /** How often something was asked. */
  get asked(): number {
    return this.#asked;
  }

  /** How much of that has not been answered. */
  get open(): number {
    return this.#open;
  }

  /**
   * The guests whose backends' states alone have been called into question since the count was this.
   * @returns undefined when anything else has been.
   */
  restlessSince(doubts: number): ReadonlySet<number> | undefined {
    if (this.#lastGrave > doubts) return undefined;
    return new Set([...this.#lastState].flatMap(([domid, last]) => (last > doubts ? [domid] : [])));
  }

  async directory(path: string): Promise<string[]> {
    const answer = this.#kept.names(path) ?? this.#askNames(path);
    await answer.coming;
    if (answer.given === undefined) throw new XenstoreError('ENOENT', { operation: 'directory', path });
    return answer.given;
  }

  async readChildren(path: string, names: readonly string[]): Promise<(string | undefined)[]> {
    const kept = this.#kept.values(path);
    const missing = names.filter(name => !kept.has(name));
    const fresh = missing.length === 0 ? undefined : this.#askValues(path, missing);
    const answers = names.map(name => fresh?.get(name) ?? kept.get(name));
    for (const answer of answers) if (answer?.coming !== undefined) await answer.coming;
    return answers.map(answer => answer?.given);
  }

  /** The parts of a kind: those are made anew that something has called into question. */
  parts<Key, Part>(kind: PartKind<Key, Part>, keys: readonly Key[]): Promise<ReadonlyMap<Key, Part>> {
    const known = this.#parts.get(kind) as KeptParts<Key, Part> | undefined;
    const parts = known ?? new KeptParts<Key, Part>(PARTS_AT_ONCE);
    if (known === undefined) this.#parts.set(kind, parts as KeptParts<unknown, unknown>);
    return parts.all(keys, key => {
      const doubt = parts.doubter(key);
      for (const path of kind.pathsOf(key)) {
        if (this.#watches.covers(path)) this.#kept.onDoubt(path, doubt);
        else doubt();
      }
      return kind.make(this, key);
    });
  }

  /** Those of the domains that xenstored serves. Kept between news of domains that come and go. */
  async introduced(domids: readonly number[]): Promise<ReadonlySet<number>> {
    const answers = domids.map(domid => this.#introduced.get(domid) ?? this.#askIntroduced(domid));
    for (const { coming } of answers) if (coming !== undefined) await coming;
    const alive = domids.filter((_, index) => answers[index]?.given === true);
    const isSame = alive.length === this.#alive.size && alive.every(domid => this.#alive.has(domid));
    if (!isSame) this.#alive = new Set(alive);
    return this.#alive;
  }

  /** Asks anew, all at once, for what has been called into question: whoever needs it next need not ask one after the other. */
  refresh(): void {
    const { values, lists } = this.#doubted;
    for (const path of values) {
      const [folder, name] = split(path);
      if (!this.#kept.isKept(path).value) this.#askValues(folder, [name]);
    }
    for (const folder of lists) if (this.#kept.names(folder) === undefined) this.#askNames(folder);
    values.clear();
    lists.clear();
  }

  /**
   * Keeps, from when this returns, what is answered at or below the path. A path that is covered already stays so.
   * @param others paths at and below which nothing changes but together with the first: they need no watch of their own.
   * @throws what the client throws; the path is not covered then.
   */
  cover(path: string, others: readonly string[] = []): Promise<void> {
    return this.#watches.cover(path, others);
  }

  /** Whether the path has a watch of its own, or will have. */
  isWatched(path: string): boolean {
    return this.#watches.has(path);
  }

  /** Keeps nothing at or below the path any more. Its watch is taken down; nobody has to wait for that. */
  uncover(path: string): void {
    this.#watches.uncover(path);
    this.#doubt(path);
  }

  /** Forgets all answers: the next ones are asked for afresh. */
  forget(): void {
    this.#doubts += 1;
    this.#lastGrave = this.#doubts;
    this.#lastState.clear();
    this.#kept.clear();
    this.#parts.clear();
    this.#introduced.clear();
    this.#doubted.values.clear();
    this.#doubted.lists.clear();
  }

  #doubt(path: string): void {
    const forgot = path.startsWith('@') ? this.#doubtComing(path) : this.#doubtNode(path);
    if (!forgot) return;
    this.#doubts += 1;
    const restless = STATE.exec(path)?.[1];
    if (restless === undefined) this.#lastGrave = this.#doubts;
    else this.#lastState.set(Number(restless), this.#doubts);
  }

  #doubtNode(path: string): boolean {
    const { value, list } = this.#kept.isKept(path);
    if (value) this.#doubted.values.add(path);
    if (list) this.#doubted.lists.add(split(path)[0]);
    return this.#kept.doubt(path);
  }

  /** Calls the list of a folder into question, with what is made of it. */
  #doubtList(folder: string, name: string): void {
    this.#kept.keepNames(folder, undefined);
    this.#doubt(`${folder}/${name}`);
  }

  #doubtComing(event: string): boolean {
    const before = this.#introduced.size;
    for (const [domid, { given }] of this.#introduced) {
      // Whoever is there is not made to go by another one that comes.
      if (event !== INTRODUCE || given !== true) this.#introduced.delete(domid);
    }
    return this.#introduced.size < before;
  }

  #askNames(path: string): Answer<string[]> {
    const answer: Answer<string[]> = {};
    const drop = (): void => {
      if (this.#kept.names(path) === answer) this.#kept.keepNames(path, undefined);
    };
    if (this.#watches.covers(path)) this.#kept.keepNames(path, answer);
    answer.coming = this.#ask(
      this.#client.directory(path),
      names => give(answer, names),
      error => {
        // What is not there is an answer; anything else that goes wrong is none, and is asked again.
        if (error instanceof XenstoreError && error.code === 'ENOENT') return give(answer, undefined);
        drop();
        throw error;
      },
    );
    return answer;
  }

  #askValues(folder: string, names: readonly string[]): ReadonlyMap<string, Answer<string>> {
    const answers = new Map(names.map(name => [name, {} as Answer<string>]));
    const isCovered = this.#watches.covers(folder);
    const kept = this.#kept.values(folder);
    for (const [name, answer] of answers) {
      if (isCovered || this.#watches.covers(`${folder}/${name}`)) kept.set(name, answer);
    }
    const coming = this.#ask(
      this.#client.readChildren(folder, names),
      values => {
        let index = 0;
        for (const answer of answers.values()) give(answer, values[index++]);
        // A list that shows what is not there is an old one.
        for (const [name, { given }] of answers) {
          if (given === undefined && this.#kept.names(folder)?.given?.includes(name)) this.#doubtList(folder, name);
        }
      },
      error => {
        for (const [name, answer] of answers) if (kept.get(name) === answer) kept.delete(name);
        throw error;
      },
    );
    for (const answer of answers.values()) answer.coming = coming;
    return answers;
  }

  #askIntroduced(domid: number): Answer<boolean> {
    const answer: Answer<boolean> = {};
    if (COME_AND_GO.every(event => this.#watches.covers(event))) this.#introduced.set(domid, answer);
    answer.coming = this.#ask(
      this.#client.isDomainIntroduced(domid),
      isIntroduced => give(answer, isIntroduced),
      error => {
        if (this.#introduced.get(domid) === answer) this.#introduced.delete(domid);
        throw error;
      },
    );
    return answer;
  }

  #ask<T>(answer: Promise<T>, onAnswer: (given: T) => void, onError: (error: unknown) => void): Promise<void> {
    this.#asked += 1;
    this.#open += 1;
    const coming = answer.then(
      given => {
        this.#open -= 1;
        onAnswer(given);
      },
      (error: unknown) => {
        this.#open -= 1;
        onError(error);
      },
    );
    // Whoever waits for it is told; it may be that nobody waits any more.
    coming.catch(() => undefined);
    return coming;
  }
}

function give<T>(answer: Answer<T>, given: T | undefined): void {
  answer.given = given;
  answer.coming = undefined;
}

/** The folder of a node, and its name in there. */
function split(path: string): [folder: string, name: string] {
  const at = path.lastIndexOf('/');
  return [path.slice(0, at), path.slice(at + 1)];
}
