/** The command line of `npm run test:xen --`. */
import { parseArgs } from 'node:util';

/** A Debian release the lab can be, and what one gets with it. `ownNode`: its own Node can run the product. */
export interface Suite {
  readonly name: string;
  readonly xen: string;
  readonly ownNode: boolean;
}

/** All suites; the first is the default. */
export const SUITES: readonly [Suite, ...Suite[]] = [
  { name: 'bookworm', xen: 'Xen 4.17', ownNode: false },
  { name: 'trixie', xen: 'Xen 4.20', ownNode: true },
];

/** What is asked for. */
export interface Options {
  readonly help: boolean;
  readonly suites: readonly Suite[];
  /** Tests whose `file: name` matches. */
  readonly only: RegExp;
  /** Run what failed once more, in a dom0 that is booted anew. */
  readonly again: boolean;
  /** The story of an installed package, in a dom0 that systemd starts, in place of the scenarios. */
  readonly installed: boolean;
  /** What `bench/` measures, in place of the scenarios. */
  readonly bench: boolean;
  /** JSON of an earlier `bench` to show beside this one. */
  readonly compare?: string;
  /** How many dom0s of a suite run at the same time, each with some of the scenario files and a processor of its own. */
  readonly jobs: number;
}

/** Said for `--help`, and on a wrong command line. */
export const USAGE: string = `npm run test:xen                          the tests on ${SUITES[0].xen}
npm run test:xen -- --all                 on every Xen version
npm run test:xen -- --suite trixie        on one (${SUITES.map(({ name, xen }) => `${name}: ${xen}`).join(', ')})
npm run test:xen -- --only 'smoke|drift'  only tests whose "file: name" matches
npm run test:xen -- --again               what fails is run once more in a new dom0, and the table says so
npm run test:xen -- --installed           the package: installed, used, dom0 rebooted, upgraded, removed, with systemd
npm run test:xen -- --jobs 2              in two dom0s at a time, each with half of the scenarios; takes 3 GB for each
npm run bench:xen                         measures in place of testing, prints one table, writes JSON; also with --suite, --all, --only
npm run bench:xen -- --compare FILE       beside an earlier run's JSON
npm run test:xen -- --help                this text`;

/** @throws Error with one clear sentence on a wrong option. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      suite: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', default: '' },
      installed: { type: 'boolean', default: false },
      again: { type: 'boolean', default: false },
      bench: { type: 'boolean', default: false },
      compare: { type: 'string' },
      jobs: { type: 'string', default: '1' },
    },
  });
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 8) throw new Error('--jobs takes a number from 1 to 8');
  const named = values.suite.map(name => {
    const suite = SUITES.find(known => known.name === name);
    if (suite === undefined) throw new Error(`there is no suite ${name}`);
    return suite;
  });
  const fallback = values.all ? SUITES : [SUITES[0]];
  const { help, again, bench, compare, installed } = values;
  if (installed && values.only !== '') throw new Error('--installed is one story, and goes without --only');
  if (installed && bench) throw new Error('--installed is one story, and goes without --bench');
  if (compare !== undefined && !bench) throw new Error('--compare goes with npm run bench:xen');
  const suites = named.length > 0 ? named : fallback;
  const beside = compare === undefined ? {} : { compare };
  return { help, suites, only: new RegExp(values.only), installed, again, bench, ...beside, jobs };
}
