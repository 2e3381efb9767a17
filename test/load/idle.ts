import { spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import type { RunningController } from './controller.ts';
import { residentMiB, type Used, usedBy } from './processes.ts';

/** What a process does while there is nothing to do. */
export interface Idle {
  readonly minutes: number;
  /** Share of one processor, %. */
  readonly processor: number;
  /** Times that a thread of it was woken, a minute. */
  readonly wakeUps: number;
  /** Times that it began to work after a rest of a quarter of a second or more, a minute. */
  readonly bursts: number;
  /** MiB. */
  readonly resident: number;
}

/** What both did in the same time. */
export interface IdlePair {
  readonly own: Idle;
  /** A process of Node that does nothing at all. */
  readonly floor: Idle;
}

/** How often it is looked whether a process has done anything, ms. */
const LOOK_MS = 250;

/** Lets a controller rest, beside a process of Node that has nothing to do. */
export async function idle(controller: RunningController, minutes: number): Promise<IdlePair> {
  const floor = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], { stdio: 'ignore' });
  try {
    // What belongs to their beginning, and to the end of the load, is over by then.
    await wait(30_000);
    const [own, bare] = await Promise.all([watched(controller.pid, minutes), watched(floor.pid ?? 0, minutes)]);
    return { own, floor: bare };
  } finally {
    floor.kill();
  }
}

async function watched(pid: number, minutes: number): Promise<Idle> {
  const began = performance.now();
  const first = usedBy(pid);
  let last: Used = first;
  let bursts = 0;
  let wasAtRest = true;
  while (performance.now() - began < minutes * 60_000) {
    await wait(LOOK_MS);
    const now = usedBy(pid);
    const worked = now.processorMs > last.processorMs;
    if (worked && wasAtRest) bursts += 1;
    wasAtRest = !worked;
    last = now;
  }
  const elapsedMs = performance.now() - began;
  const aMinute = (count: number): number => (count * 60_000) / elapsedMs;
  return {
    minutes: elapsedMs / 60_000,
    processor: (100 * (last.processorMs - first.processorMs)) / elapsedMs,
    wakeUps: aMinute(last.wakeUps - first.wakeUps),
    bursts: aMinute(bursts),
    resident: residentMiB(pid),
  };
}
