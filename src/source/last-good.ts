import type { HostIdentity } from '../api/hosts.ts';
import { duplicateNames } from './duplicates.ts';
import { type InForce, restorable } from './ledger.ts';
import type { Tree } from './tree.ts';

/** The texts that are in force, by path of file: kept over restarts, so that a file that is broken then has one, too. */
export interface LastGoodStore {
  /**
   * @throws {UnusableRecordError} when there is a record that nobody can use; any other error when it cannot be read now,
   *   and may be later.
   */
  load(): Promise<ReadonlyMap<string, string>>;
  /** @throws when it cannot be kept. */
  save(texts: ReadonlyMap<string, string>): Promise<void>;
}

/** There is a record, and it could be read, but it says nothing that can be used: to read it again would not help. */
export class UnusableRecordError extends Error {
  override readonly name: string = 'UnusableRecordError';
}

/**
 * Keeps a store up to date with what is in force. Without a usable store all goes on as if nothing were remembered. A
 * record that cannot be read is left as it is, and tried again at each reading: it may be the only one that knows what a
 * file said that is broken now.
 */
export class LastGood {
  readonly #store: LastGoodStore | undefined;
  readonly #onError: (error: Error) => void;
  #kept: ReadonlyMap<string, string> | undefined;
  /** Whether what is in the store is known, so that it may be replaced. */
  #isRead = false;
  /** What has been in force here: of that the store knows nothing newer. */
  readonly #seen = new Set<string>();
  #complained: string | undefined;

  /** @param onError is called once for each new reason why the store is of no use. */
  constructor(store: LastGoodStore | undefined, onError: (error: Error) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  /**
   * What was in force before a reading: what this process knows, and, of files of which it never had anything in force,
   * what was kept. A text that this version does not accept any more is left out.
   * @param known what the last reading put in force; undefined before the first.
   */
  async before(known: InForce | undefined, host: HostIdentity, { parse }: Pick<Tree, 'parse'>): Promise<InForce> {
    const own = known ?? new Map();
    if (this.#isRead || this.#store === undefined) return own;
    for (const path of own.keys()) this.#seen.add(path);
    const texts = await this.#load(this.#store);
    if (texts === undefined) return own;
    this.#isRead = true;
    this.#kept = texts;
    const files = [...texts].map(([path, text]) => [path, parse(path, Buffer.from(text))] as const);
    const kept = [...restorable(new Map(files), host)].filter(([path]) => !this.#seen.has(path));
    const both = new Map([...kept, ...own]);
    return duplicateNames(both, host).length === 0 ? both : own;
  }

  /** Keeps what is in force now, unless it is kept already. A failure is told, and tried again with the next call. */
  async keep(inForce: InForce): Promise<void> {
    if (!this.#isRead) return;
    const texts = new Map([...inForce].map(([path, { text }]) => [path, text]));
    if (this.#kept !== undefined && sameTexts(this.#kept, texts)) return;
    await this.#try(async store => {
      await store.save(texts);
      this.#kept = texts;
    });
  }

  /** @returns undefined when it cannot be read now. */
  #load(store: LastGoodStore): Promise<ReadonlyMap<string, string> | undefined> {
    return this.#try(() =>
      store.load().catch((cause: unknown) => {
        if (!(cause instanceof UnusableRecordError)) throw cause;
        this.#tell(cause);
        return new Map<string, string>();
      }),
    );
  }

  async #try<T>(work: (store: LastGoodStore) => Promise<T>): Promise<T | undefined> {
    if (this.#store === undefined) return undefined;
    try {
      const result = await work(this.#store);
      this.#complained = undefined;
      return result;
    } catch (cause) {
      this.#tell(cause instanceof Error ? cause : new Error(String(cause)));
      return undefined;
    }
  }

  #tell(error: Error): void {
    if (error.message !== this.#complained) this.#onError(error);
    this.#complained = error.message;
  }
}

function sameTexts(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...b].every(([path, text]) => a.get(path) === text);
}
