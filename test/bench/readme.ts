import type { Run } from './record.ts';
import { markdownTable } from './table.ts';

/** Puts what a run measured between the two markers of a text for its kind. @throws when they are not there. */
export function withPerformance(readme: string, run: Run): string {
  const name = run.where === undefined ? 'performance' : 'performance on Xen';
  const begin = `<!-- ${name}: written by \`npm run bench -- --readme FILE\` -->`;
  const end = `<!-- /${name} -->`;
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the README has no ${begin} … ${end}`);
  return `${readme.slice(0, from + begin.length)}\n${section(run)}\n${readme.slice(to)}`;
}

function section(run: Run): string {
  const lines = run.rows.flatMap(row => row.lines);
  const notes = lines.flatMap(({ what, note }) => (note === undefined ? [] : [`- ${what}: ${note}`]));
  const left = run.left.map(({ name, why }) => `- \`${name}\` was not measured: ${why}`);
  const on = run.where === undefined ? '' : `${run.where}, `;
  const where = `Measured on ${run.date.slice(0, 10)} with Node ${run.node.slice(1)} on ${on}${run.processors}.`;
  return ['', where, '', markdownTable(lines), '', ...notes, ...left, ''].join('\n').trimEnd();
}
