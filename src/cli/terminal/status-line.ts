import { safeLine } from '../../source/terminal.ts';
import type { Output } from './output.ts';

/** Where there is no width, or, as on a fresh pseudo-terminal, one of 0. */
const COLUMNS_DEFAULT = 80;
/** To the line's first column, and nothing left of what stands there. */
const ANEW = '\r\u001b[K';

/**
 * The last line of a terminal, written over again and again while something takes its time. Anywhere else, and on a
 * terminal that cannot write over a line, it writes nothing.
 */
export class StatusLine {
  readonly #output: Output;
  readonly #isPossible: boolean;
  #shown = false;
  #users = 0;

  constructor(output: Output, env: Readonly<Record<string, string | undefined>>) {
    this.#output = output;
    this.#isPossible = output.isTerminal && env['TERM'] !== 'dumb';
  }

  /** Whether it shows anything. */
  get isPossible(): boolean {
    return this.#isPossible;
  }

  /** Shows a text in place of the one before, cut to the terminal. */
  show(text: string): void {
    if (!this.#isPossible) return;
    const columns = (this.#output.columns || COLUMNS_DEFAULT) - 1;
    const characters = Array.from(safeLine(text));
    const cut = characters.length <= columns ? characters : [...characters.slice(0, columns - 1), '…'];
    this.#output.write(`${ANEW}${cut.join('')}`);
    this.#shown = true;
  }

  /** Takes the text away: other lines may follow. */
  clear(): void {
    if (this.#shown) this.#output.write(ANEW);
    this.#shown = false;
  }

  /** Somebody has something to show from now on. @returns whether nobody does who began later, and what ends it. */
  use(): { readonly isMine: () => boolean; readonly end: () => void } {
    this.#users += 1;
    const user = this.#users;
    return {
      isMine: () => this.#users === user,
      end: () => {
        this.clear();
        this.#users -= 1;
      },
    };
  }

  /** An output on the same terminal: whatever is written to it takes the text away first. */
  above(output: Output): Output {
    if (!this.#isPossible || !output.isTerminal) return output;
    return {
      write: text => {
        this.clear();
        output.write(text);
      },
      isTerminal: true,
      get columns() {
        return output.columns;
      },
    };
  }
}
