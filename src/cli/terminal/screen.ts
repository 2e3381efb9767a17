import { safeLine } from '../../source/terminal.ts';
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

/** Writes for people. Whatever it is given, no text reaches the terminal that it would obey. */
export class Screen {
  readonly colour: boolean;
  readonly #output: Output;

  constructor(output: Output, shell: Shell) {
    this.#output = output;
    this.colour = wantsColour(output, shell);
  }

  /** One line. */
  line(text = '', meaning: Tone = 'plain'): void {
    this.#output.write(`${this.#paint(safeLine(text), meaning)}\n`);
  }

  /** Several lines as they are; each is made safe. */
  lines(text: string, meaning: Tone = 'plain'): void {
    for (const line of text.split('\n')) this.line(line, meaning);
  }

  /** A headline, after an empty line. */
  section(title: string): void {
    this.line();
    this.line(`${title}:`);
  }

  /** `Label:         value`, one line for each value; `<none>` for no value. */
  field(label: string, ...values: readonly CellInput[]): void {
    const cells = (values.length === 0 ? [undefined] : values).map(cellOf);
    for (const [index, cell] of cells.entries()) {
      const head = (index === 0 ? `${label}:` : '').padEnd(LABEL_WIDTH);
      this.#output.write(`${head}${this.#paint(cell.text, cell.tone)}\n`);
    }
  }

  /**
   * A table.
   * @param wide shows all of it; otherwise it fits the terminal, or 80 columns where there is none.
   */
  table(headers: readonly string[], rows: readonly (readonly CellInput[])[], wide = false): void {
    const columns = wide ? undefined : (this.#output.columns ?? COLUMNS_DEFAULT);
    for (const line of tableLines(headers, rows, columns, (text, meaning) => this.#paint(text, meaning))) {
      this.#output.write(`${line}\n`);
    }
  }

  #paint(text: string, meaning: Tone): string {
    const colour = this.colour ? COLOURS[meaning] : '';
    return colour === '' || text === '' ? text : `${colour}${text}${RESET}`;
  }
}
