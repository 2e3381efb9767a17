import type { Run } from './record.ts';
import { markdownTable } from './table.ts';

const BEGIN = '<!-- performance: written by `npm run bench -- --readme FILE` -->';
const END = '<!-- /performance -->';

/** Puts what a run measured between the two markers of a text. @throws when they are not there. */
export function withPerformance(readme: string, run: Run): string {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`the README has no ${BEGIN} … ${END}`);
  return `${readme.slice(0, from + BEGIN.length)}\n${section(run)}\n${readme.slice(to)}`;
}

function section(run: Run): string {
  const lines = run.rows.flatMap(row => row.lines);
  const notes = lines.flatMap(({ what, note }) => (note === undefined ? [] : [`- ${what}: ${note}`]));
  const left = run.left.map(({ name, why }) => `- \`${name}\` was not measured: ${why}`);
  const where = `Measured on ${run.date.slice(0, 10)} with Node ${run.node.slice(1)} on ${run.processors}.`;
  return ['', where, '', markdownTable(lines), '', ...notes, ...left, ''].join('\n').trimEnd();
}
