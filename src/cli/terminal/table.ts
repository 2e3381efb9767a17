import { safeLine } from '../../source/terminal.ts';

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

/** A cell that is safe to show; `<none>` when there is nothing to show. */
export function cellOf(input: CellInput): Cell {
  const cell = typeof input === 'object' ? input : { text: input ?? '', tone: 'plain' as const };
  return cell.text === '' ? { text: NONE, tone: 'faint' } : { text: safeLine(cell.text), tone: cell.tone };
}

/**
 * Lays out rows under upper-case headers. Where they do not fit into `columns`, the widest cells are cut, those of the
 * first column last: it is what other commands take.
 * @param columns undefined for as wide as need be.
 * @param paint puts a tone around a text that already has its width.
 */
export function tableLines(
  headers: readonly string[],
  rows: readonly (readonly CellInput[])[],
  columns: number | undefined,
  paint: (text: string, tone: Tone) => string,
): string[] {
  const cells = [headers.map(header => tone(header, 'plain')), ...rows.map(row => row.map(cellOf))];
  const needed = headers.map((_, index) => Math.max(...cells.map(row => length(row[index]?.text ?? ''))));
  const widths = columns === undefined ? needed : fitted(needed, columns);
  return cells.map(row =>
    row
      .map((cell, index) => {
        const text = cut(cell.text, widths[index] ?? 0);
        const gap = index === row.length - 1 ? '' : ' '.repeat((widths[index] ?? 0) - length(text) + GAP);
        return paint(text, cell.tone) + gap;
      })
      .join(''),
  );
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
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}

function length(text: string): number {
  return Array.from(text).length;
}
