import { Readable } from 'node:stream';
import { outputsOver, type Shell } from '../../src/cli/terminal/shell.ts';

/** A shell that keeps what is written, and asks every command to stop as soon as that can be asked. */
export function quietShell(
  root: string,
  stdin: Buffer,
): Shell & { readonly out: () => string; readonly err: () => string } {
  const out: string[] = [];
  const err: string[] = [];
  return {
    stdin: Readable.from(stdin.length === 0 ? [] : [stdin]),
    ...outputsOver(
      { write: text => void out.push(text), isTerminal: false, columns: 100 },
      { write: text => void err.push(text), isTerminal: false, columns: 100 },
      {},
    ),
    env: { XENPCI_ROOT: root },
    caller: process.pid,
    program: '/usr/lib/xenpci/xenpci.cjs',
    onStop(stop) {
      const soon = setImmediate(() => stop('SIGTERM'));
      return () => clearImmediate(soon);
    },
    onReload: () => () => undefined,
    out: () => out.join(''),
    err: () => err.join(''),
  };
}

/** What no line for people may hold: a terminal would obey it. */
export const OBEYED: RegExp = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
