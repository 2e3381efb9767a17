/** `npm run bench`: measures the program beside what people use today and what nobody can beat. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readOptions, USAGE } from './options.ts';
import { plainTable } from './plain-table.ts';
import { withPerformance } from './readme.ts';
import { comparison, newRun, type Run, readRun, writeRun } from './record.ts';
import type { Row } from './row.ts';
import { domains } from './rows/domains.ts';
import { edit } from './rows/edit.ts';
import { inventory } from './rows/inventory.ts';
import { growing, planning } from './rows/plan.ts';
import { start } from './rows/start.ts';
import { xenstoreLook } from './rows/xenstore.ts';
import { markdownTable } from './table.ts';

const ROWS: readonly Row[] = [start, edit, domains, xenstoreLook, inventory, planning, growing];

function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Measures the rows, one after the other. */
async function measured(rows: readonly Row[]): Promise<Run> {
  let run = newRun(new Date());
  for (const { name, title, measure } of rows) {
    process.stderr.write(`${name}: ${title}\n`);
    try {
      run = { ...run, rows: [...run.rows, { name, title, lines: await measure() }] };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      process.stderr.write(`${name}: ${why}\n`);
      run = { ...run, left: [...run.left, { name, why }] };
    }
  }
  return run;
}

async function main(args: readonly string[]): Promise<number> {
  const { help, only, out, compare, readme } = readOptions(args);
  if (help) {
    print(`${USAGE}\n\nRows:\n${ROWS.map(({ name, title }) => `  ${name.padEnd(12)}${title}`).join('\n')}`);
    return 0;
  }
  if (readme !== undefined) {
    writeFileSync('README.md', withPerformance(readFileSync('README.md', 'utf8'), readRun(readme)));
    return 0;
  }
  const unknown = only.find(name => !ROWS.some(row => row.name === name));
  if (unknown !== undefined) throw new Error(`there is no row ${unknown}`);
  const before = compare === undefined ? undefined : readRun(compare);
  const run = await measured(ROWS.filter(({ name }) => only.length === 0 || only.includes(name)));
  mkdirSync(dirname(out), { recursive: true });
  writeRun(out, run);
  print(plainTable(markdownTable(run.rows.flatMap(({ lines }) => lines))));
  for (const { name, why } of run.left) print(`${name} was not measured: ${why}`);
  if (before !== undefined) print(`\nBeside ${compare}:\n${comparison(before, run).join('\n')}`);
  print(`\n${out}`);
  return run.left.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
  process.exitCode = 2;
}
