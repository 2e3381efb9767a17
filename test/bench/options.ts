import { parseArgs } from 'node:util';

/** Said for `--help`, and on a wrong command line. */
export const USAGE: string = `npm run bench                       measures everything, prints one table, writes JSON
npm run bench -- --only start       one row (several with commas): the names are in the table of rows below
npm run bench -- --out FILE         where the JSON goes (default: node_modules/.cache/xenpci/bench.json)
npm run bench -- --compare FILE     beside an earlier run's JSON
npm run bench -- --readme FILE      measures nothing: writes the README's section from a run's JSON
npm run bench -- --help             this text`;

export interface Options {
  readonly help: boolean;
  /** Names of rows; all when empty. */
  readonly only: readonly string[];
  readonly out: string;
  readonly compare?: string;
  readonly readme?: string;
}

/** @throws Error with one clear sentence on a wrong option. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      out: { type: 'string', default: 'node_modules/.cache/xenpci/bench.json' },
      compare: { type: 'string' },
      readme: { type: 'string' },
    },
  });
  const { help, only, out, compare, readme } = values;
  return {
    help,
    only: only.split(',').filter(name => name !== ''),
    out,
    ...(compare === undefined ? {} : { compare }),
    ...(readme === undefined ? {} : { readme }),
  };
}
