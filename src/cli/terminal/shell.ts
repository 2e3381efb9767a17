import { realpathSync } from 'node:fs';
import { createInterface as createLines } from 'node:readline';
import { createInterface } from 'node:readline/promises';
import type { OnStop, StopSignal } from '../../daemon/stop-requests.ts';
import type { Output } from './output.ts';
import { StatusLine } from './status-line.ts';

/** All that the program takes from the process it runs in. */
export interface Shell {
  /** What is written to the program. */
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** The last line of the terminal, where standard error is one. */
  readonly status: StatusLine;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The process that started this one. */
  readonly caller: number;
  /** The running program's file, symbolic links resolved: what belongs to it lies beside it. */
  readonly program: string;
  /** Called at each signal that asks the program to stop. */
  readonly onStop: OnStop;
  /** Called at each signal that asks a service to look now: SIGHUP, which ends every other program. */
  readonly onReload: OnStop;
  /** Asks a person and waits for a line; absent where nobody can answer: standard input or error is no terminal. */
  readonly ask?: (question: string) => Promise<string>;
  /** Hears each line that a person types; absent where nobody can: standard input is no terminal. @returns its end. */
  readonly onLine?: (hear: (text: string) => void) => () => void;
}

/** A terminal that goes away sends SIGHUP, and what it has started ends; a service has none, and systemd reloads by it. */
const RELOAD_SIGNAL = 'SIGHUP';

/** The shell of this process. */
export function processShell(): Shell {
  const isService = Boolean(process.env['NOTIFY_SOCKET']);
  const stopSignals: StopSignal[] = ['SIGINT', 'SIGTERM', ...(isService ? [] : ([RELOAD_SIGNAL] as const))];
  return {
    stdin: process.stdin,
    caller: process.ppid,
    ...outputsOver(outputOf(process.stdout), outputOf(process.stderr), process.env),
    env: process.env,
    program: realpathSync(process.argv[1] ?? process.execPath),
    onStop(stop) {
      for (const signal of stopSignals) process.on(signal, stop);
      return () => {
        for (const signal of stopSignals) process.off(signal, stop);
      };
    },
    onReload(reload) {
      if (!isService) return () => undefined;
      process.on(RELOAD_SIGNAL, reload);
      return () => process.off(RELOAD_SIGNAL, reload);
    },
    ...(process.stdin.isTTY === true && process.stderr.isTTY === true ? { ask } : {}),
    ...(process.stdin.isTTY === true ? { onLine } : {}),
  };
}

/** Two outputs that may be one terminal, and its last line, which gives way to whatever is written to them. */
export function outputsOver(
  stdout: Output,
  stderr: Output,
  env: Shell['env'],
): Pick<Shell, 'stdout' | 'stderr' | 'status'> {
  const status = new StatusLine(stderr, env);
  return { stdout: status.above(stdout), stderr: status.above(stderr), status };
}

/** The question goes to standard error: standard output may be kept in a file. An end of input is an empty answer. */
async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>(resolve => terminal.once('close', () => resolve('')));
  try {
    return await Promise.race([terminal.question(question), ended]);
  } finally {
    terminal.close();
  }
}

/** Lines as the terminal gives them, so that ctrl-C remains a signal; the end of input is no line. */
function onLine(hear: (text: string) => void): () => void {
  const lines = createLines({ input: process.stdin, terminal: false });
  lines.on('line', hear);
  // A terminal that is gone: its signal says so.
  process.stdin.on('error', () => undefined);
  return () => lines.close();
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // Whoever reads may leave, as `head` does, and a terminal may go: what is written then goes nowhere, and that is no
  // failure. Of a terminal that is gone a signal tells.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !(error.code === 'EIO' && stream.isTTY === true)) throw error;
  });
  return {
    write: text => void stream.write(text),
    isTerminal: stream.isTTY === true,
    get columns() {
      // A fresh pseudo-terminal says 0.
      return stream.columns || undefined;
    },
  };
}
