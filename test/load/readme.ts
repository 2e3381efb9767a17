import { markdownTable, type Run } from './table.ts';

const BEGIN = '<!-- load: written by `npm run load -- --readme FILE` -->';
const END = '<!-- /load -->';

/** Puts what a run measured between the two markers of a text. @throws when they are not there. */
export function withLoad(readme: string, run: Run): string {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`the README has no ${BEGIN} … ${END}`);
  const where = `Measured on ${run.date.slice(0, 10)} with Node ${run.node.slice(1)} on ${run.processors}.`;
  return `${readme.slice(0, from + BEGIN.length)}\n\n${where}\n\n${markdownTable(run)}\n${readme.slice(to)}`;
}
