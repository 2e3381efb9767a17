import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf } from '../controller/message-of.ts';
import { errorCode } from './small-file.ts';

/** How a program is run. */
export interface CommandOptions {
  /** Milliseconds until SIGTERM goes to its whole process group. */
  readonly deadlineMs: number;
  /** Milliseconds between SIGTERM and SIGKILL. Default 2,000. */
  readonly graceMs?: number;
  /** What it reads on standard input; nothing when absent. */
  readonly input?: string;
  /** Ends it as the deadline does. */
  readonly signal?: AbortSignal;
  /** Open files that it is given as its file descriptors 3, 4 and so on. */
  readonly files?: readonly number[];
  /** Bytes kept of each of standard output and standard error. Default 65,536. */
  readonly outputMax?: number;
}

/** What a program wrote. */
export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
  /** Whether either was longer than what is kept. */
  readonly cut: boolean;
}

/** How a program ended by itself. */
export interface CommandResult extends CommandOutput {
  readonly exitCode: number;
}

/** Why a program did not come to an end of its own. */
export type CommandFailure = 'NotFound' | 'NotStarted' | 'Killed' | 'DeadlineExceeded' | 'Aborted';

/** A program that could not be run to its end. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly reason: CommandFailure;
  readonly output: CommandOutput;

  constructor(reason: CommandFailure, message: string, output: CommandOutput, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.output = output;
  }
}

const GRACE_MS = 2_000;
const OUTPUT_MAX = 65_536;

/**
 * Runs a program without a shell and waits for it and for all that hold its output.
 * Its messages are in English whatever dom0 speaks.
 * @returns how it ended, whatever its exit code.
 * @throws {CommandError} when it is not there, does not start, dies of a signal, or had to be killed.
 */
export function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const label = [program, ...args].join(' ');
  if (options.signal?.aborted === true) {
    return Promise.reject(new CommandError('Aborted', `${label}: called off before it began`, NO_OUTPUT));
  }
  return new Promise((resolve, reject) => {
    const child = start(program, args, label, options);
    const output = collect(child, options.outputMax ?? OUTPUT_MAX);
    const killing = killLater(child, options);
    child.once('error', error => {
      killing.end();
      const reason = errorCode(error) === 'ENOENT' ? 'NotFound' : 'NotStarted';
      reject(new CommandError(reason, `${label}: cannot be run: ${error.message}`, output(), { cause: error }));
    });
    child.once('close', (exitCode, signal) => {
      killing.end();
      const reason = killing.reason();
      if (reason !== undefined) reject(new CommandError(reason, `${label}: ${reasonText(reason, options)}`, output()));
      else if (exitCode === null) reject(new CommandError('Killed', `${label}: killed by ${signal}`, output()));
      else resolve({ exitCode, ...output() });
    });
  });
}

/** Starts a program in a process group of its own, so that what it starts dies with it. */
function start(
  program: string,
  args: readonly string[],
  label: string,
  { input, files = [] }: CommandOptions,
): ChildProcess {
  try {
    const env = { ...process.env, LC_ALL: 'C' };
    const stdin = input === undefined ? 'ignore' : 'pipe';
    const child = spawn(program, args, { detached: true, stdio: [stdin, 'pipe', 'pipe', ...files], env });
    feed(child, input);
    return child;
  } catch (error) {
    // Node refuses arguments that no program can be given.
    const message = `${JSON.stringify(label)}: cannot be run: ${messageOf(error)}`;
    throw new CommandError('NotStarted', message, NO_OUTPUT, { cause: error });
  }
}

/** A program need not read what it is given: it may end before, or close its input. */
function feed({ stdin }: ChildProcess, input: string | undefined): void {
  stdin?.on('error', () => undefined);
  stdin?.end(input);
}

const NO_OUTPUT: CommandOutput = { stdout: '', stderr: '', cut: false };

function reasonText(reason: 'DeadlineExceeded' | 'Aborted', options: CommandOptions): string {
  return reason === 'Aborted' ? 'called off' : `not finished within ${options.deadlineMs} ms; it was killed`;
}

/** Keeps the beginning of both outputs and drains the rest. */
function collect(child: ChildProcess, max: number): () => CommandOutput {
  let cut = false;
  const keep = (stream: NodeJS.ReadableStream | null): (() => string) => {
    const chunks: Buffer[] = [];
    let length = 0;
    stream?.on('data', (chunk: Buffer) => {
      const room = max - length;
      if (chunk.length > room) cut = true;
      if (room <= 0) return;
      chunks.push(chunk.subarray(0, room));
      length += Math.min(room, chunk.length);
    });
    return () => Buffer.concat(chunks).toString('utf8');
  };
  const stdout = keep(child.stdout);
  const stderr = keep(child.stderr);
  return () => ({ stdout: stdout(), stderr: stderr(), cut });
}

/** Kills the process group at the deadline or when the signal says so: first politely, then for good. */
function killLater(
  child: ChildProcess,
  { deadlineMs, graceMs, signal }: CommandOptions,
): { readonly reason: () => 'DeadlineExceeded' | 'Aborted' | undefined; readonly end: () => void } {
  let reason: 'DeadlineExceeded' | 'Aborted' | undefined;
  let grace: NodeJS.Timeout | undefined;
  const kill = (why: 'DeadlineExceeded' | 'Aborted'): void => {
    if (reason !== undefined) return;
    reason = why;
    signalGroup(child, 'SIGTERM');
    grace = setTimeout(() => {
      signalGroup(child, 'SIGKILL');
      // Whoever left the group may hold the pipes open for ever.
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, graceMs ?? GRACE_MS);
  };
  const abort = (): void => kill('Aborted');
  const deadline = setTimeout(() => kill('DeadlineExceeded'), deadlineMs);
  signal?.addEventListener('abort', abort, { once: true });
  return {
    reason: () => reason,
    end: () => {
      clearTimeout(deadline);
      clearTimeout(grace);
      signal?.removeEventListener('abort', abort);
    },
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // ESRCH: all of the group have ended already, which is what was wanted.
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
