import { safeLine } from '../../source/terminal.ts';
import type { Output } from './shell.ts';

/** Where there is no width, or, as on a fresh pseudo-terminal, one of 0. */
const COLUMNS_DEFAULT = 80;
/** To the line's first column, and nothing left of what stands there. */
const ANEW = '\r\u001b[K';

/** One line of a terminal that is written over again and again; nowhere else does it write anything. */
export class StatusLine {
  readonly #output: Output;
  #shown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Shows a text in place of the one before, cut to the terminal. */
  show(text: string): void {
    if (!this.#output.isTerminal) return;
    const columns = (this.#output.columns || COLUMNS_DEFAULT) - 1;
    this.#output.write(`${ANEW}${safeLine(text).slice(0, columns)}`);
    this.#shown = true;
  }

  /** Takes the text away: other lines may follow. */
  clear(): void {
    if (this.#shown) this.#output.write(ANEW);
    this.#shown = false;
  }
}
