import { parseArgs } from 'node:util';

/** Said for `--help`, and on a wrong command line. */
export const USAGE: string = `npm run load                        a large world and a small one: edits for ten minutes, then ten of rest each
npm run load -- --domains 1000      one world of so many domains, two devices and one manifest for each (several with commas)
npm run load -- --minutes 1         how long files are edited (default: 10)
npm run load -- --edits 50          edits a second (default: 50; at most one for each manifest)
npm run load -- --idle 10           minutes of rest after that (default: 10; 0 for none)
npm run load -- --profile FOLDER    processor profile and heap snapshot of the controller
npm run load -- --out FILE          where the JSON goes (default: node_modules/.cache/xenpci/load.json)
npm run load -- --readme FILE       measures nothing: writes the README's section from a run's JSON
npm run load -- --help              this text`;

export interface Options {
  readonly help: boolean;
  /** How many domains each world has. */
  readonly worlds: readonly number[];
  readonly minutes: number;
  /** A second. */
  readonly edits: number;
  readonly idleMinutes: number;
  readonly profile?: string;
  readonly out: string;
  readonly readme?: string;
}

/** @throws Error with one clear sentence on a wrong option. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      domains: { type: 'string', default: '1000,10' },
      minutes: { type: 'string', default: '10' },
      edits: { type: 'string', default: '50' },
      idle: { type: 'string', default: '10' },
      profile: { type: 'string' },
      out: { type: 'string', default: 'node_modules/.cache/xenpci/load.json' },
      readme: { type: 'string' },
    },
  });
  const { help, out, profile, readme } = values;
  return {
    help,
    worlds: values.domains.split(',').map(text => number(text, 'domains', 4, 1500)),
    minutes: number(values.minutes, 'minutes', 0.1, 1440),
    edits: number(values.edits, 'edits', 1, 1000),
    idleMinutes: number(values.idle, 'idle', 0, 1440),
    out,
    ...(profile === undefined ? {} : { profile }),
    ...(readme === undefined ? {} : { readme }),
  };
}

function number(text: string, name: string, from: number, to: number): number {
  const value = Number(text);
  if (!(value >= from && value <= to)) throw new Error(`--${name} is a number from ${from} to ${to}`);
  return value;
}
