/** Programs of dom0, each with a deadline. */
import { execFile } from 'node:child_process';
import { currentSignal, waiting } from './deadline.ts';

/** How a program ended. `code` is -1 if a signal ended it. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** ms a program may take unless told otherwise; libvirt alone may wait 11 to 23 s for a guest that does not answer. */
const LIMIT = 90_000;

/**
 * Runs a program to its end, whatever that is.
 * @throws Error if it cannot be started, or is still running after `ms` (it is then killed).
 */
export function run(program: string, args: readonly string[], ms: number = LIMIT): Promise<Output> {
  const line = [program, ...args].join(' ');
  const options = { timeout: ms, killSignal: 'SIGKILL', maxBuffer: 1 << 24, signal: currentSignal() } as const;
  const ending = new Promise<Output>((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else if (error.killed === true) reject(new Error(`${line}: not done after ${ms / 1000} s\n${stdout}${stderr}`));
      else if (error.code === undefined) resolve({ code: -1, stdout, stderr });
      else reject(new Error(`${line}: ${error.message}`, { cause: error }));
    });
  });
  return waiting(line, () => ending);
}

/**
 * Runs a program that must succeed; returns its standard output.
 * @throws Error with its command line and all it wrote, if it does not exit with 0.
 */
export async function succeed(program: string, args: readonly string[], ms: number = LIMIT): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, ms);
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** `virsh ARGS`, which must succeed. @throws Error as `succeed`. */
export function virsh(...args: readonly string[]): Promise<string> {
  return succeed('virsh', ['-q', ...args]);
}

/** `xl ARGS`, which must succeed. @throws Error as `succeed`. */
export function xl(...args: readonly string[]): Promise<string> {
  return succeed('xl', args);
}
