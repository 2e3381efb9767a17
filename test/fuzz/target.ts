/** What is fuzzed: one module of `targets/` each. */

/** `accepted`: the input was taken as valid, and everything the target promises of valid input has been checked. */
export type Verdict = 'accepted' | 'refused';

/** A target that is ready to be tried. */
export interface Opened {
  /**
   * Tries one input.
   * @throws whatever is wrong: an error that the code under test does not declare, or a {@link Violation}.
   */
  run(input: Buffer): Verdict | Promise<Verdict>;
  close?(): Promise<void>;
}

export interface Target {
  readonly name: string;
  /** What is fed, and what must hold, in a line. */
  readonly about: string;
  /** Good inputs, from which bad ones are made. */
  readonly seeds: readonly Buffer[];
  /** Pieces that mean something to the code under test. */
  readonly dictionary: readonly string[];
  /** How the code under test lays out lengths, for lies about them; none when absent. */
  readonly lengths?: 'le32' | 'be32';
  /** Inputs that are large or deep. Each is tried once, as it is. */
  readonly heavy?: () => Iterable<Buffer>;
  /** Inputs in `npm test`, and in a full run. */
  readonly quick: number;
  readonly full: number;
  readonly open: () => Opened | Promise<Opened>;
}

/** Something that a target promises does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** @throws Violation unless `holds`. */
export function promise(holds: boolean, sentence: string): void {
  if (!holds) throw new Violation(sentence);
}

/** @throws Violation unless both are the same as JSON, with undefined left out and in any order of keys. */
export function same(actual: unknown, expected: unknown, sentence: string): void {
  const [left, right] = [stable(actual), stable(expected)];
  if (left !== right) throw new Violation(`${sentence}\n  have ${cut(left)}\n  want ${cut(right)}`);
}

function stable(value: unknown): string {
  const plain = (_: string, each: unknown): unknown => {
    if (typeof each === 'bigint') return `${each}n`;
    if (each instanceof Map) return { map: [...each] };
    if (each instanceof Set) return { set: [...each] };
    if (typeof each !== 'object' || each === null || Array.isArray(each) || Buffer.isBuffer(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(value, plain) ?? 'undefined';
}

function cut(text: string): string {
  return text.length <= 400 ? text : `${text.slice(0, 400)}… (${text.length})`;
}

/** Inputs that are texts. */
export function texts(...parts: readonly string[]): Buffer[] {
  return parts.map(part => Buffer.from(part));
}

/**
 * What `work` answers, or undefined when it throws an error that it declares.
 * @param declared the classes of these errors.
 */
export function unlessRefused<T>(
  declared: readonly (abstract new (...args: never[]) => Error)[],
  work: () => T,
): T | undefined {
  try {
    return work();
  } catch (error) {
    if (declared.some(kind => error instanceof kind)) return undefined;
    throw error;
  }
}

/** The same for work that takes time. */
export async function unlessRejected<T>(
  declared: (error: unknown) => boolean,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (declared(error)) return undefined;
    throw error;
  }
}
