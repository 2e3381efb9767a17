import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../simulation/random.ts';
import { type Material, mutated } from './mutate.ts';
import type { Target } from './target.ts';

/** Inputs that are kept beside the seeds. */
const KEPT_MAX = 1024;

/** The inputs from which new ones are made: the target's seeds, and what turned out to be worth keeping. */
export class Corpus {
  readonly #inputs: Buffer[];
  readonly #seeds: number;
  readonly #random: Random;
  readonly #fixed: Omit<Material, 'other'>;

  constructor(target: Target, random: Random, found: readonly Buffer[] = []) {
    this.#inputs = [...target.seeds, ...found];
    this.#seeds = this.#inputs.length;
    this.#random = random;
    this.#fixed = { dictionary: target.dictionary.map(word => Buffer.from(word)), lengths: target.lengths };
  }

  get size(): number {
    return this.#inputs.length;
  }

  next(): Buffer {
    return mutated(this.#any(), this.#random, { ...this.#fixed, other: this.#any() });
  }

  /** Seeds stay; of the rest a random one makes room. */
  keep(input: Buffer): void {
    const place = this.#seeds + Math.floor(this.#random.next() * KEPT_MAX);
    if (this.#inputs.length < this.#seeds + KEPT_MAX) this.#inputs.push(Buffer.from(input));
    else this.#inputs[place] = Buffer.from(input);
  }

  #any(): Buffer {
    return this.#inputs[Math.floor(this.#random.next() * this.#inputs.length)] ?? Buffer.alloc(0);
  }
}

/** What was found earlier for a target: each file of `found/NAME` is an input that once broke something. */
export function foundInputs(folder: string, name: string): { readonly file: string; readonly input: Buffer }[] {
  try {
    const files = readdirSync(join(folder, name)).sort();
    return files.map(file => ({ file, input: readFileSync(join(folder, name, file)) }));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
