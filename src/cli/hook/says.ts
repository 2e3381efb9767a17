import { safeLine } from '../../source/terminal.ts';
import type { Shell } from '../terminal/shell.ts';

/** One line, which reaches whoever starts the domain. */
export function say(shell: Shell, text: string): void {
  shell.stderr.write(`xenpci: ${safeLine(text.replaceAll(/\s+/g, ' '))}\n`);
}
