import type { RunningController } from './controller.ts';
import { residentMiB } from './processes.ts';

/** Memory of the controller at one moment, MiB. */
export interface MemorySample {
  /** Since the load began. */
  readonly minute: number;
  readonly resident: number;
  readonly heap: number;
}

const MIB = 1024 * 1024;

/** Looks at a controller's memory. @param began performance.now() when the load did. */
export async function memoryNow(controller: RunningController, began: number): Promise<MemorySample> {
  const { heapUsed } = await controller.probe<{ heapUsed: number }>('heap');
  const minute = (performance.now() - began) / 60_000;
  return { minute, resident: residentMiB(controller.pid), heap: heapUsed / MIB };
}

/** The heap that is still in use after a collection, MiB. */
export async function liveHeap(controller: RunningController): Promise<number> {
  return (await controller.probe<number>('liveHeap')) / MIB;
}

/** How much resident memory grows in a minute, by least squares over the second half of the samples, MiB. */
export function slopeOf(samples: readonly MemorySample[]): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (pick: (sample: MemorySample) => number): number =>
    half.reduce((sum, sample) => sum + pick(sample), 0) / half.length;
  const [x, y] = [mean(({ minute }) => minute), mean(({ resident }) => resident)];
  const over = half.reduce((sum, { minute, resident }) => sum + (minute - x) * (resident - y), 0);
  const under = half.reduce((sum, { minute }) => sum + (minute - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
