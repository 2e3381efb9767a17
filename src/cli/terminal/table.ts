import { columnsOf, firstColumns, safeLine } from '../../source/terminal.ts';
import { wrapped } from '../../source/wrap.ts';

/** What kubectl shows where there is nothing. */
export const NONE = '<none>';

/** Where the meaning of a text may be shown by colour. */
export type Tone = 'plain' | 'good' | 'bad' | 'faint';

/** A text and how it is meant. */
export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}

export type CellInput = string | Cell | undefined;

/** A text with a tone. */
export function tone(text: string, meaning: Tone): Cell {
  return { text, tone: meaning };
}

const GAP = 3;
const NARROWEST = 8;
/** Columns that prose gets at least, at the expense of the others. */
const PROSE_MIN = 24;

/** A cell that is safe to show; `<none>` when there is nothing to show. */
export function cellOf(input: CellInput): Cell {
  const cell = typeof input === 'object' ? input : { text: input ?? '', tone: 'plain' as const };
  return cell.text === '' ? { text: NONE, tone: 'faint' } : { text: safeLine(cell.text), tone: cell.tone };
}

/** How a table is laid out. */
export interface TableOptions {
  /** Undefined for as wide as need be. */
  readonly columns: number | undefined;
  /** The last column is prose: what does not fit goes on below it, instead of being cut. */
  readonly prose: boolean;
  /** Puts a tone around a text that already has its width. */
  readonly paint: (text: string, tone: Tone) => string;
}

/**
 * Lays out rows under upper-case headers. Where they do not fit into the columns, the widest cells are cut, those of the
 * first column last: it is what other commands take.
 */
export function tableLines(
  headers: readonly string[],
  rows: readonly (readonly CellInput[])[],
  { columns, prose, paint }: TableOptions,
): string[] {
  const cells = [headers.map(header => tone(header, 'plain')), ...rows.map(row => row.map(cellOf))];
  const needed = headers.map((_, index) => Math.max(...cells.map(row => columnsOf(row[index]?.text ?? ''))));
  const widths = columns === undefined ? needed : widthsWithin(columns, needed, prose);
  return cells.flatMap(row => {
    const head = row.slice(0, -1).map((cell, index) => {
      const text = cut(cell.text, widths[index] ?? 0);
      return paint(text, cell.tone) + ' '.repeat((widths[index] ?? 0) - columnsOf(text) + GAP);
    });
    const last = row.at(-1) ?? cellOf('');
    const room = widths.at(-1) ?? 0;
    const [first = '', ...more] = prose ? wrapped(last.text, room) : [cut(last.text, room)];
    const below = ' '.repeat(widths.slice(0, -1).reduce((sum, width) => sum + width + GAP, 0));
    return [head.join('') + paint(first, last.tone), ...more.map(text => below + paint(text, last.tone))];
  });
}

function widthsWithin(columns: number, needed: readonly number[], prose: boolean): number[] {
  const last = needed.at(-1) ?? 0;
  if (!prose || last <= PROSE_MIN) return fitted(needed, columns);
  const others = fitted(needed.slice(0, -1), columns - GAP - PROSE_MIN);
  return [...others, Math.max(PROSE_MIN, columns - others.reduce((sum, width) => sum + width + GAP, 0))];
}

function fitted(needed: readonly number[], columns: number): number[] {
  const widths = [...needed];
  let excess = widths.reduce((sum, width) => sum + width + GAP, -GAP) - columns;
  while (excess > 0) {
    const rest = widths.slice(1);
    const widest = Math.max(...rest);
    const index = widest > NARROWEST ? rest.indexOf(widest) + 1 : 0;
    const width = widths[index] ?? 0;
    if (width <= NARROWEST) break;
    widths[index] = width - 1;
    excess -= 1;
  }
  return widths;
}

function cut(text: string, width: number): string {
  return columnsOf(text) <= width ? text : `${firstColumns(text, width - 1)}…`;
}
