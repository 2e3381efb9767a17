import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { ExitCode } from '../../../src/cli/exit.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { Output } from '../../../src/cli/terminal/output.ts';
import { outputsOver, type Shell } from '../../../src/cli/terminal/shell.ts';
import type { StopSignal } from '../../../src/daemon/stop-requests.ts';

export const CHECKOUT: string = resolve(import.meta.dirname, '../../..');

/** A shell that keeps what is written to it. */
export interface CapturedShell extends Shell {
  readonly out: () => string;
  readonly err: () => string;
  /** Asks the program to stop, as a signal does. */
  /** Asks it to look now, as systemd does. */
  readonly reload: () => void;
  readonly stop: (signal?: StopSignal) => void;
  /** Types a line on its terminal. */
  readonly type: (text: string) => void;
}

export interface CapturedOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  readonly columns?: number;
  /** Whether a person can type; unless it is said, where there is a terminal. */
  readonly isTyped?: boolean;
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Answers questions; nobody does when absent. */
  readonly ask?: (question: string) => Promise<string>;
}

export function capturedShell({
  env = {},
  isTerminal = false,
  columns,
  isTyped = isTerminal,
  stdin = Readable.from([]),
  ask,
}: CapturedOptions = {}): CapturedShell {
  const out: string[] = [];
  const err: string[] = [];
  const stops = new Set<(signal: StopSignal) => void>();
  const listeners = new Set<(text: string) => void>();
  const reloads = new Set<() => void>();
  const output = (chunks: string[]): Output => ({
    write: text => void chunks.push(text),
    isTerminal,
    columns,
  });
  return {
    stdin,
    caller: process.ppid,
    ...outputsOver(output(out), output(err), env),
    env,
    program: `${CHECKOUT}/dist/xenpci.cjs`,
    onStop(stop) {
      stops.add(stop);
      return () => stops.delete(stop);
    },
    onReload(reload) {
      reloads.add(reload);
      return () => reloads.delete(reload);
    },
    ...(ask === undefined ? {} : { ask }),
    out: () => out.join(''),
    err: () => err.join(''),
    stop: (signal = 'SIGTERM') => {
      for (const stop of stops) stop(signal);
    },
    ...(isTyped
      ? {
          onLine(hear: (text: string) => void) {
            listeners.add(hear);
            return () => listeners.delete(hear);
          },
        }
      : {}),
    type: text => {
      for (const hear of listeners) hear(text);
    },
    reload: () => {
      for (const reload of reloads) reload();
    },
  };
}

/** What is left on a terminal of a text: without the line that is written over and over. */
export function leftOnTerminal(text: string): string {
  return text.replaceAll(/\r\u001b\[K[^\r\n]*(?=\r)/g, '').replaceAll('\r\u001b[K', '');
}

/** What a run of the program wrote, and its exit code. */
export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Runs the program to its end. */
export async function run(args: readonly string[], options?: CapturedOptions): Promise<Ran> {
  const shell = capturedShell(options);
  const code = await runProgram(args, shell);
  return { code, out: shell.out(), err: shell.err() };
}
