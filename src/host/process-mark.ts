import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { once } from '../api/once.ts';

/** One process, not mistaken for a later one that got the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks between the boot and its start: field 22 of `/proc/PID/stat`, proc(5). */
  readonly startTicks: string;
}

export const processMark: () => z.ZodType<ProcessMark> = once(() =>
  z.object({
    pid: z.int().positive(),
    startTicks: z.string(),
  }),
);

/**
 * Marks a running process.
 * @returns undefined when there is none of that number. It is looked up in this machine's own /proc, not a simulated one.
 */
export async function markOf(pid: number): Promise<ProcessMark | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name in field 2 is in parentheses and may itself contain spaces and parentheses: count from its end.
  const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return startTicks === undefined ? undefined : { pid, startTicks };
}

/** Whether the marked process still runs. */
export async function isRunning(mark: ProcessMark): Promise<boolean> {
  return (await markOf(mark.pid))?.startTicks === mark.startTicks;
}
