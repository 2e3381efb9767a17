import type { HostIdentity } from '../api/hosts.ts';
import { type InForce, restorable } from './ledger.ts';
import type { Tree } from './tree.ts';

/** The texts that are in force, by path of file: kept over restarts, so that a file that is broken then has one, too. */
export interface LastGoodStore {
  /** @throws when there is a record that cannot be used. */
  load(): Promise<ReadonlyMap<string, string>>;
  /** @throws when it cannot be kept. */
  save(texts: ReadonlyMap<string, string>): Promise<void>;
}

/** Keeps a store up to date with what is in force. Without a usable store all goes on as if nothing were remembered. */
export class LastGood {
  readonly #store: LastGoodStore | undefined;
  readonly #onError: (error: Error) => void;
  #kept: ReadonlyMap<string, string> | undefined;
  #complained: string | undefined;

  /** @param onError is called once for each new reason why the store is of no use. */
  constructor(store: LastGoodStore | undefined, onError: (error: Error) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  /** What was in force for this host when it was kept last. A text that this version does not accept any more is left out. */
  async restore(host: HostIdentity, { parse }: Pick<Tree, 'parse'>): Promise<InForce> {
    const texts = (await this.#try(async store => store.load())) ?? new Map<string, string>();
    this.#kept = texts;
    const files = [...texts].map(([path, text]) => [path, parse(path, Buffer.from(text))] as const);
    return restorable(new Map(files), host);
  }

  /** Keeps what is in force now, unless it is kept already. A failure is told, and tried again with the next call. */
  async keep(inForce: InForce): Promise<void> {
    const texts = new Map([...inForce].map(([path, { text }]) => [path, text]));
    if (this.#kept !== undefined && sameTexts(this.#kept, texts)) return;
    await this.#try(async store => {
      await store.save(texts);
      this.#kept = texts;
    });
  }

  async #try<T>(work: (store: LastGoodStore) => Promise<T>): Promise<T | undefined> {
    if (this.#store === undefined) return undefined;
    try {
      const result = await work(this.#store);
      this.#complained = undefined;
      return result;
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      if (error.message !== this.#complained) this.#onError(error);
      this.#complained = error.message;
      return undefined;
    }
  }
}

function sameTexts(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...b].every(([path, text]) => a.get(path) === text);
}
