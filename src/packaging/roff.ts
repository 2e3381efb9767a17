/** A page of the manual. */
export interface ManPage {
  readonly name: string;
  readonly section: number;
  /** In the macros of man(7). */
  readonly text: string;
}

/** A text with what roff would take for orders made harmless. */
export function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll(/^\./gm, '\\&.');
}

/** A headline. */
export function section(title: string): string {
  return `.SH ${title}\n`;
}

/** Lines that are filled into one paragraph. */
export function paragraph(...lines: readonly string[]): string {
  return `.PP\n${lines.map(roff).join('\n')}\n`;
}

/** A word, and what it means below it; both are roff already. */
export function tagged(word: string, meaning: string): string {
  return `.TP\n${word}\n${meaning}\n`;
}

export function bold(text: string): string {
  return `\\fB${text}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${text}\\fR`;
}
