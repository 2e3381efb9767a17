import type { ManifestProblem, Origin, ProblemCode } from '../api/manifest.ts';
import { caretExcerpt, safeLine } from './terminal.ts';

/** A place in a file, and how it looks there. */
export interface Mark extends Origin {
  readonly excerpt: string;
}

/** The text of one file, by offset and by line. Columns count UTF-16 code units from 1, as editors do. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  readonly #lineStarts: readonly number[];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    const starts = [0];
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
    this.#lineStarts = starts;
  }

  /** The place at an offset; an offset outside of the text is moved to its nearest end. */
  origin(offset: number): Origin {
    const { index, start, at } = this.#line(offset);
    return { file: this.file, line: index + 1, column: at - start + 1 };
  }

  /** The place at an offset, with its line and a caret. */
  mark(offset: number): Mark {
    const { index, start, at } = this.#line(offset);
    const next = this.#lineStarts[index + 1] ?? this.text.length + 1;
    const line = this.text.slice(start, next - 1).replace(/\r$/, '');
    return { ...this.origin(at), excerpt: caretExcerpt(line, Math.min(at - start, line.length)) };
  }

  /** A problem at an offset. */
  problem(offset: number, code: ProblemCode, field: string, message: string): ManifestProblem {
    return { ...this.mark(offset), code, field: safeLine(field), message: safeLine(message) };
  }

  #line(offset: number): { index: number; start: number; at: number } {
    const at = Math.min(Math.max(0, offset), this.text.length);
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#lineStarts[middle] ?? 0) <= at) low = middle;
      else high = middle;
    }
    return { index: low, start: this.#lineStarts[low] ?? 0, at };
  }
}
