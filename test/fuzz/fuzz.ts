import { seeded } from '../simulation/random.ts';
import { Corpus } from './corpus.ts';
import type { Coverage } from './coverage.ts';
import type { Opened, Target, Verdict } from './target.ts';

/** An input that breaks a promise. */
export interface Finding {
  readonly input: Buffer;
  readonly what: string;
}

/** What was tried on one target and what came of it. */
export interface Outcome {
  readonly target: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly corpus: number;
  /** The longest time that one input took, ms: on a busy machine, others' time is in it. */
  readonly longestMs: number;
  readonly findings: readonly Finding[];
}

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** What was found in earlier runs: tried first. */
  readonly found: readonly Buffer[];
  /** Told of each input before it is tried. */
  readonly before?: (input: Buffer) => void;
  /** Guides the first inputs, so that what reaches new code is kept. */
  readonly coverage?: Coverage;
  /** Ends the run early. */
  readonly isOver?: () => boolean;
}

/** Different findings after which a run ends: the first ones are what is to be mended. */
const FINDINGS_MAX = 8;
/** How many inputs are guided; looking at the coverage takes longer than most inputs. */
const GUIDED_INPUTS = 40_000;
/** Inputs between two looks at the coverage. */
const BATCH = 32;
/** Without guidance, how many of the accepted inputs are kept to go on from. */
const KEPT_SHARE = 0.02;

/** Tries a target: what was found earlier, its seeds, the heavy inputs, and then inputs made from all of them. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<Outcome> {
  const trial = new Trial(target, options, await target.open());
  try {
    return await trial.run();
  } finally {
    await trial.close();
  }
}

class Trial {
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #opened: Opened;
  readonly #corpus: Corpus;
  readonly #findings = new Map<string, Finding>();
  readonly #random;
  #inputs = 0;
  #accepted = 0;
  #longestMs = 0;

  constructor(target: Target, options: FuzzOptions, opened: Opened) {
    this.#target = target;
    this.#options = options;
    this.#opened = opened;
    this.#random = seeded(options.seed);
    this.#corpus = new Corpus(target, this.#random, options.found);
  }

  async run(): Promise<Outcome> {
    for (const input of this.#options.found) await this.#try(input);
    for (const input of this.#target.seeds) await this.#try(input);
    for (const input of this.#target.heavy?.() ?? []) await this.#try(input);
    const { coverage } = this.#options;
    if (coverage !== undefined) await this.#guided(coverage);
    while (!this.#isOver()) {
      const input = this.#corpus.next();
      const verdict = await this.#try(input);
      if (verdict === 'accepted' && this.#random.chance(KEPT_SHARE)) this.#corpus.keep(input);
    }
    return {
      target: this.#target.name,
      inputs: this.#inputs,
      accepted: this.#accepted,
      corpus: this.#corpus.size,
      longestMs: this.#longestMs,
      findings: [...this.#findings.values()],
    };
  }

  async close(): Promise<void> {
    await this.#opened.close?.();
  }

  #isOver(): boolean {
    const { inputs, isOver } = this.#options;
    return this.#inputs >= inputs || this.#findings.size >= FINDINGS_MAX || isOver?.() === true;
  }

  /** Keeps what reaches code that nothing before has reached. */
  async #guided(coverage: Coverage): Promise<void> {
    const limit = Math.min(GUIDED_INPUTS, this.#options.inputs / 4);
    coverage.start();
    while (this.#inputs < limit && !this.#isOver()) {
      const batch = Array.from({ length: BATCH }, () => this.#corpus.next());
      for (const input of batch) await this.#try(input);
      if (!coverage.peek()) continue;
      for (const input of batch) {
        await this.#try(input);
        if (coverage.grew()) this.#corpus.keep(input);
      }
    }
    coverage.stop();
  }

  async #try(input: Buffer): Promise<Verdict | undefined> {
    this.#options.before?.(input);
    this.#inputs += 1;
    const began = performance.now();
    try {
      const answer = this.#opened.run(input);
      const verdict = answer instanceof Promise ? await answer : answer;
      if (verdict === 'accepted') this.#accepted += 1;
      return verdict;
    } catch (error) {
      this.#found(input, error);
      return undefined;
    } finally {
      this.#longestMs = Math.max(this.#longestMs, performance.now() - began);
    }
  }

  #found(input: Buffer, error: unknown): void {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const kind = what.split('\n')[0]?.replaceAll(/"(?:[^"\\]|\\.)*"|[0-9]+/g, '…') ?? '';
    const before = this.#findings.get(kind);
    if (before === undefined || before.input.length > input.length) this.#findings.set(kind, { input, what });
  }
}

/** Attempts to shorten one input: enough for every byte of a usual one. */
const ATTEMPTS_MAX = 4_000;

/**
 * A shorter input that breaks something too, found by leaving out ever smaller pieces.
 * @param before told of each input before it is tried.
 */
export async function shortened(opened: Opened, finding: Finding, before: (input: Buffer) => void): Promise<Buffer> {
  let attempts = 0;
  const breaks = async (input: Buffer): Promise<boolean> => {
    before(input);
    attempts += 1;
    try {
      await opened.run(input);
      return false;
    } catch {
      return true;
    }
  };
  let { input } = finding;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at + size <= input.length && attempts < ATTEMPTS_MAX; ) {
      const shorter = Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
      if (await breaks(shorter)) input = shorter;
      else at += size;
    }
  }
  return input;
}
