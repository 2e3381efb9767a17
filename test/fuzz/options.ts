import { parseArgs } from 'node:util';

/** Said for `--help`, and on a wrong command line. */
export const USAGE: string = `npm run fuzz                          tries every target with as many inputs as is worth its while
npm run fuzz -- yaml argv             some targets
npm run fuzz -- --inputs 1000000      this many inputs for each
npm run fuzz -- --seed 7              other inputs; the same seed makes the same inputs (default: 1)
npm run fuzz -- --out FILE            where the JSON goes (default: node_modules/.cache/xenpci/fuzz/fuzz.json)
npm run fuzz -- --help                this text, and the targets

What breaks something is written, as short as it can be made, beside the JSON; put it in test/fuzz/found/TARGET to
have it tried first from then on.`;

export interface Options {
  readonly help: boolean;
  /** Names; all when empty. */
  readonly targets: readonly string[];
  readonly inputs?: number;
  readonly seed: number;
  readonly out: string;
}

/** @throws Error with one clear sentence on a wrong option. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      inputs: { type: 'string' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string', default: 'node_modules/.cache/xenpci/fuzz/fuzz.json' },
    },
  });
  const { help, inputs, seed, out } = values;
  const common = { help, targets: positionals, seed: count('seed', seed), out };
  return inputs === undefined ? common : { ...common, inputs: count('inputs', inputs) };
}

function count(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} takes a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
