import { userInfo } from 'node:os';
import { BY_MAX } from '../daemon/suspension-file.ts';
import { safeLine } from '../source/terminal.ts';
import type { Shell } from './terminal/shell.ts';

/** Who is at the machine, as far as it can be told: for people to ask, not to rely on. */
export function whoIs({ env }: Shell): string {
  const text = safeLine((env['SUDO_USER'] || nameOfUser()).trim());
  return Array.from(text).slice(0, BY_MAX).join('') || 'somebody';
}

/** A user without an entry in the system's list has only a number. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? ''}`;
  }
}
