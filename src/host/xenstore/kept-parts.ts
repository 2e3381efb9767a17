import { inTurns } from './in-turns.ts';

/** Things of one kind that are made of answers, one for each key; made anew only where an answer is in doubt. */
export class KeptParts<Key, Part> {
  /** The keys of what was made last. */
  #keys: readonly Key[] = [];
  #made: ReadonlyMap<Key, Part> = new Map();
  readonly #stale = new Set<Key>();
  readonly #doubters = new Map<Key, () => void>();
  readonly #most: number;

  /** @param most how many are made at a time. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * What calls a part into question: it is made anew when it is needed next, also when it is just being made.
   * @returns the same function for the same key.
   */
  doubter(key: Key): () => void {
    const known = this.#doubters.get(key);
    if (known !== undefined) return known;
    const fresh = (): void => void this.#stale.add(key);
    this.#doubters.set(key, fresh);
    return fresh;
  }

  /**
   * All parts in the order of the keys: the same object as long as neither keys nor parts have changed.
   * @param make makes one part; what calls it into question meanwhile counts.
   * @throws what `make` throws; whatever was to be made is made next time then.
   */
  async all(keys: readonly Key[], make: (key: Key) => Promise<Part>): Promise<ReadonlyMap<Key, Part>> {
    const isSame = keys === this.#keys;
    const missing = isSame
      ? [...this.#stale].filter(key => this.#made.has(key))
      : keys.filter(key => this.#stale.has(key) || !this.#made.has(key));
    if (isSame && missing.length === 0) return this.#made;
    for (const key of missing) this.#stale.delete(key);
    const fresh = await this.#fresh(missing, make);
    const made = new Map(isSame ? this.#made : keys.map(key => [key, this.#made.get(key) as Part]));
    for (const [key, part] of fresh) made.set(key, part);
    if (!isSame) this.#leaveOut(made);
    this.#keys = keys;
    this.#made = made;
    return made;
  }

  #leaveOut(made: ReadonlyMap<Key, Part>): void {
    for (const key of this.#stale) if (!made.has(key)) this.#stale.delete(key);
    for (const key of this.#doubters.keys()) if (!made.has(key)) this.#doubters.delete(key);
  }

  async #fresh(keys: readonly Key[], make: (key: Key) => Promise<Part>): Promise<[Key, Part][]> {
    try {
      return await inTurns(keys, this.#most, async (key): Promise<[Key, Part]> => [key, await make(key)]);
    } catch (error) {
      for (const key of keys) this.#stale.add(key);
      throw error;
    }
  }
}
