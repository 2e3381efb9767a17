import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Dom0Layout } from '../api/layout.ts';
import { CliError } from './exit.ts';
import { shellQuoted } from './shell-quoted.ts';

const DENIED = ['EACCES', 'EPERM'];
/** Errors that programs print have no code, and causes do not go on for ever. */
const DENIED_TEXT = /\b(?:EACCES|EPERM)\b|permission denied/i;
const CAUSES_MAX = 10;

/**
 * Sees to it that this user may change what the controller goes by, before anything is said of it: who cannot read its
 * status would be told that there is no controller.
 * @throws {CliError}
 */
export async function requireRights({ runtime, state }: Dom0Layout): Promise<void> {
  for (const folder of [runtime, state]) {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause: unknown) => {
      if (isDenied(cause)) throw new CliError(`${folder} is closed to this user`, { cause });
    });
  }
}

/** Whether an error came about because this user may not do something. */
export function isDenied(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (DENIED.includes((at as NodeJS.ErrnoException).code ?? '') || DENIED_TEXT.test(at.message)) return true;
    at = at.cause;
  }
  return false;
}

/** Who may do what this user may not. Undefined for root, who is kept from it by something else. */
export function whoMay(args: readonly string[]): string | undefined {
  if (process.geteuid?.() === 0) return undefined;
  return `You are not root, who may: sudo xenpci ${args.map(shellQuoted).join(' ')}`;
}
