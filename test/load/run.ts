/** `npm run load`: lets the built program work under more edits than any host will see, and then rest. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { plainTable } from '../bench/plain-table.ts';
import { type Loaded, loaded } from './loaded.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { withLoad } from './readme.ts';
import { markdownTable, type Run } from './table.ts';

const DIFFERENCES_SHOWN_MAX = 10;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function measured(options: Options): Promise<Run> {
  const worlds: Loaded[] = [];
  for (const domains of options.worlds) {
    process.stderr.write(`${domains} domains, ${2 * domains} devices\n`);
    worlds.push(await loaded(domains, options, import.meta.dirname));
  }
  const all = cpus();
  const processors = `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}`;
  return { date: new Date().toISOString(), node: process.version, processors, worlds };
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options.help) {
    print(USAGE);
    return 0;
  }
  if (options.readme !== undefined) {
    const run = JSON.parse(readFileSync(options.readme, 'utf8')) as Run;
    writeFileSync('README.md', withLoad(readFileSync('README.md', 'utf8'), run));
    return 0;
  }
  const run = await measured(options);
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(run, null, 2)}\n`);
  print(plainTable(markdownTable(run)));
  const wrong = run.worlds.flatMap(world => world.differences);
  for (const text of wrong.slice(0, DIFFERENCES_SHOWN_MAX)) print(text);
  print(`\n${options.out}`);
  return wrong.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
