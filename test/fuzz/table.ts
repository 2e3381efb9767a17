/** What was tried on one target. */
export interface Row {
  readonly target: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly corpus: number;
  readonly longestMs: number;
  readonly seconds: number;
  readonly peakMb: number;
  readonly findings: number;
}

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['TARGET', row => row.target],
  ['INPUTS', row => row.inputs.toLocaleString('en')],
  ['ACCEPTED', row => `${((100 * row.accepted) / Math.max(1, row.inputs)).toFixed(1)} %`],
  ['CORPUS', row => String(row.corpus)],
  ['TIME', row => `${row.seconds.toFixed(0)} s`],
  ['LONGEST', row => `${row.longestMs.toFixed(0)} ms`],
  ['MEMORY', row => `${row.peakMb.toFixed(0)} MB`],
  ['FOUND', row => String(row.findings)],
];
const WIDTHS = [20, 12, 10, 8, 8, 10, 10, 6];

/** Rows of the result, below their headings. */
export function resultTable(rows: readonly Row[], withHeadings: boolean): string {
  const line = (cells: readonly string[]): string => cells.map((cell, at) => cell.padEnd(WIDTHS[at] ?? 0)).join('');
  const heads = withHeadings ? [line(COLUMNS.map(([head]) => head))] : [];
  return [...heads, ...rows.map(row => line(COLUMNS.map(([, cell]) => cell(row))))]
    .map(each => each.trimEnd())
    .join('\n');
}
