/** What `npm run bench:xen` makes of what dom0 measured: one table, and JSON that `npm run bench -- --readme` reads. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { plainTable } from '../../bench/plain-table.ts';
import { comparison, newRun, type Run, readRun, writeRun } from '../../bench/record.ts';
import { markdownTable } from '../../bench/table.ts';
import { print, type Report } from './report.ts';

/**
 * Prints the table of a suite and writes its JSON.
 * @param folder where the JSON goes, named after the time.
 * @param compare JSON of an earlier run.
 */
export async function printMeasured(report: Report, folder: string, compare?: string): Promise<void> {
  const { suite, rows, failures } = report;
  const where = `${suite.xen} in an emulator, where only ratios mean something`;
  const run: Run = { ...newRun(new Date()), where, rows, left: failures };
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${run.date.replaceAll(':', '-')}.json`);
  writeRun(file, run);
  print(`\n${where}`);
  print(plainTable(markdownTable(rows.flatMap(({ lines }) => lines))));
  for (const { what, note } of rows.flatMap(({ lines }) => lines)) if (note !== undefined) print(`${what}: ${note}`);
  if (compare !== undefined) print(`\nBeside ${compare}:\n${comparison(readRun(compare), run).join('\n')}`);
  print(`\n${file}`);
}
