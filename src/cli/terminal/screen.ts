import { safeLine } from '../../source/terminal.ts';
import { wrapped } from '../../source/wrap.ts';
import type { Output } from './output.ts';
import type { Shell } from './shell.ts';
import { type CellInput, cellOf, type Tone, tableLines } from './table.ts';

const COLUMNS_DEFAULT = 80;
const LABEL_WIDTH = 17;
const COLOURS: Readonly<Record<Tone, string>> = {
  plain: '',
  good: '\u001b[32m',
  bad: '\u001b[31m',
  faint: '\u001b[2m',
};
const RESET = '\u001b[0m';

/** Whether colour is welcome: on a terminal, and not where NO_COLOR (no-color.org) or TERM=dumb says otherwise. */
export function wantsColour(output: Output, { env }: Shell): boolean {
  return output.isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

/**
 * Writes for people. Whatever it is given, no text reaches the terminal that it would obey. On a terminal, text is broken
 * between words at its width, and tables are cut; elsewhere a program or a file may read it, so a line stays one line.
 */
export class Screen {
  readonly colour: boolean;
  readonly #output: Output;

  constructor(output: Output, shell: Shell) {
    this.#output = output;
    this.colour = wantsColour(output, shell);
  }

  /** One line; what does not fit goes on below, set in, or behind a `#` where the line is a comment. */
  line(text = '', meaning: Tone = 'plain'): void {
    const [, indent = '', comment] = /^( *)(# )?/.exec(text) ?? [];
    this.#fitted(text, `${indent}${comment ?? '  '}`, meaning);
  }

  /** Several lines. */
  lines(text: string, meaning: Tone = 'plain'): void {
    for (const line of text.split('\n')) this.line(line, meaning);
  }

  /** A paragraph, broken at 80 columns where there is no terminal, too: nobody searches it for a line. */
  prose(text: string, indent = ''): void {
    const columns = this.#columns ?? COLUMNS_DEFAULT;
    for (const line of wrapped(safeLine(text), columns - indent.length)) this.whole(`${indent}${line}`);
  }

  /** A line of columns, of which the last goes on below itself. @param head the columns before it. */
  beside(head: string, text: string, meaning: Tone = 'plain'): void {
    this.#fitted(`${head}${text}`, ' '.repeat(head.length), meaning);
  }

  /** A line that is a command, a path, a setting or an excerpt, and so is never broken. */
  whole(text: string, meaning: Tone = 'plain'): void {
    this.#output.write(`${this.#paint(safeLine(text), meaning)}\n`);
  }

  /** A headline, after an empty line. */
  section(title: string): void {
    this.line();
    this.line(`${title}:`);
  }

  /** `Label:         value`, one line for each value; `<none>` for no value. What does not fit goes on below it. */
  field(label: string, ...values: readonly CellInput[]): void {
    const cells = (values.length === 0 ? [undefined] : values).map(cellOf);
    const width = this.#columns === undefined ? Number.POSITIVE_INFINITY : this.#columns - LABEL_WIDTH;
    // Set in where several values follow each other, so that one can see where the next begins.
    const hang = cells.length > 1 ? '  ' : '';
    for (const [index, cell] of cells.entries()) {
      for (const [part, text] of wrapped(cell.text, width, hang).entries()) {
        const head = (index === 0 && part === 0 ? `${label}:` : '').padEnd(LABEL_WIDTH);
        this.#output.write(`${head}${this.#paint(text, cell.tone)}\n`);
      }
    }
  }

  /**
   * A table.
   * @param options `wide` shows all of it; otherwise it fits the terminal, and is cut unless the last column is `prose`.
   * Where there is no terminal nothing is cut.
   */
  table(
    headers: readonly string[],
    rows: readonly (readonly CellInput[])[],
    { wide = false, prose = false }: { readonly wide?: boolean; readonly prose?: boolean } = {},
  ): void {
    const columns = wide ? undefined : this.#columns;
    const paint = (text: string, meaning: Tone): string => this.#paint(text, meaning);
    for (const line of tableLines(headers, rows, { columns, prose, paint })) this.#output.write(`${line}\n`);
  }

  /** Undefined where there is no terminal; asked for anew each time, since people change its size. */
  get #columns(): number | undefined {
    return this.#output.isTerminal ? (this.#output.columns ?? COLUMNS_DEFAULT) : undefined;
  }

  #fitted(text: string, hang: string, meaning: Tone): void {
    const width = this.#columns ?? Number.POSITIVE_INFINITY;
    for (const line of wrapped(safeLine(text), width, hang)) this.whole(line, meaning);
  }

  #paint(text: string, meaning: Tone): string {
    const colour = this.colour ? COLOURS[meaning] : '';
    return colour === '' || text === '' ? text : `${colour}${text}${RESET}`;
  }
}
