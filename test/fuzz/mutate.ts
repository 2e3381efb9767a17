import type { Random } from '../simulation/random.ts';
import type { Target } from './target.ts';

/** Bytes of the longest input that is made. */
export const INPUT_MAX = 16_384;

/** What an input is made from. */
export interface Material {
  /** Another input, for splicing. */
  readonly other: Buffer;
  readonly dictionary: readonly Buffer[];
  readonly lengths: Target['lengths'];
}

type Mutator = (input: Buffer, random: Random, material: Material) => Buffer;

const INTERESTING = ['0', '1', '-1', '255', '256', '4096', '65535', '65536', '2147483647', '4294967295', '1e9', '0x1f'];
const WORDS = [0, 1, 3, 16, 24, 28, 255, 4096, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];
const BYTES = [0, 9, 10, 13, 27, 32, 34, 38, 39, 45, 47, 58, 60, 62, 92, 123, 127, 0x80, 0xc0, 0xe2, 0xed, 0xff];

const below = (random: Random, limit: number): number => Math.floor(random.next() * limit);

function any<T>(random: Random, items: readonly T[], otherwise: T): T {
  return items[below(random, items.length)] ?? otherwise;
}

/** Puts `part` in the place of `removed` bytes at `at`. */
function replaced(input: Buffer, at: number, removed: number, part: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), part, input.subarray(at + removed)]);
}

/** Some bytes of an input: where they begin, and how many. */
function piece(input: Buffer, random: Random): { readonly at: number; readonly length: number } {
  const at = below(random, input.length + 1);
  const most = random.chance(0.7) ? 16 : input.length;
  return { at, length: Math.min(below(random, most + 1), input.length - at) };
}

const flipBit: Mutator = (input, random) => {
  if (input.length === 0) return input;
  const copy = Buffer.from(input);
  const at = below(random, copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
  return copy;
};

const setByte: Mutator = (input, random) =>
  replaced(input, below(random, input.length + 1), 1, Buffer.of(any(random, BYTES, 0)));

const insertBytes: Mutator = (input, random) => {
  const length = 1 + below(random, 8);
  const part = Buffer.from(Array.from({ length }, () => below(random, 256)));
  return replaced(input, below(random, input.length + 1), 0, part);
};

const remove: Mutator = (input, random) => {
  const { at, length } = piece(input, random);
  return replaced(input, at, length, Buffer.alloc(0));
};

const truncate: Mutator = (input, random) => input.subarray(0, below(random, input.length + 1));

const repeat: Mutator = (input, random) => {
  const { at, length } = piece(input, random);
  const times = random.chance(0.9) ? 1 : 1 + below(random, 200);
  const part = input.subarray(at, at + length);
  return replaced(input, at, 0, Buffer.concat(Array.from({ length: times }, () => part)));
};

const move: Mutator = (input, random) => {
  const { at, length } = piece(input, random);
  const part = Buffer.from(input.subarray(at, at + length));
  const rest = replaced(input, at, length, Buffer.alloc(0));
  return replaced(rest, below(random, rest.length + 1), 0, part);
};

const splice: Mutator = (input, random, { other }) => {
  const from = piece(other, random);
  const into = piece(input, random);
  return replaced(input, into.at, into.length, other.subarray(from.at, from.at + from.length));
};

const crossOver: Mutator = (input, random, { other }) =>
  Buffer.concat([input.subarray(0, below(random, input.length + 1)), other.subarray(below(random, other.length + 1))]);

const word: Mutator = (input, random, { dictionary }) => {
  const { at, length } = piece(input, random);
  const part = any(random, dictionary, Buffer.of(0));
  return replaced(input, at, random.chance(0.5) ? 0 : length, part);
};

/** Puts another number in the place of one, of hexadecimal digits or decimal ones. */
const number: Mutator = (input, random) => {
  const text = input.toString('latin1');
  const found = [...text.matchAll(/[0-9a-f]+/g)];
  const chosen = found[below(random, found.length)];
  if (chosen === undefined) return input;
  const digits = chosen[0].length;
  const other = random.chance(0.5)
    ? any(random, INTERESTING, '0')
    : below(random, 16 ** Math.min(digits, 8))
        .toString(16)
        .padStart(digits, '0');
  return replaced(input, chosen.index, digits, Buffer.from(other));
};

/** Lies about a length: an aligned word becomes one that is near its true value, or far from any. */
const lie: Mutator = (input, random, { lengths }) => {
  if (lengths === undefined || input.length < 4)
    return flipBit(input, random, { other: input, dictionary: [], lengths });
  const copy = Buffer.from(input);
  const at = below(random, Math.floor(copy.length / 4)) * 4;
  const little = lengths === 'le32';
  const now = little ? copy.readUInt32LE(at) : copy.readUInt32BE(at);
  const next = random.chance(0.5) ? any(random, WORDS, 0) : (now + below(random, 17) - 8) >>> 0;
  if (little) copy.writeUInt32LE(next, at);
  else copy.writeUInt32BE(next, at);
  return copy;
};

const MUTATORS: readonly Mutator[] = [
  flipBit,
  setByte,
  insertBytes,
  remove,
  truncate,
  repeat,
  move,
  splice,
  crossOver,
  word,
  word,
  number,
  lie,
];

/** Another input, a few changes away. Only from the random source, so that a seed replays it. */
export function mutated(input: Buffer, random: Random, material: Material): Buffer {
  let result = input;
  const changes = 1 + Math.floor(random.next() ** 2 * 6);
  for (let change = 0; change < changes; change++) {
    result = any(random, MUTATORS, flipBit)(result, random, material).subarray(0, INPUT_MAX);
  }
  return result;
}
