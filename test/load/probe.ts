/**
 * Loaded into the controller's process before the program: answers what only the process itself can tell. While nobody
 * asks it does nothing, and while the processor is at rest it measures nothing.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString, writeHeapSnapshot } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { answering } from './child.ts';

const RESOLUTION_MS = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const milliseconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);

answering({
  heap: () => {
    const { heapUsed, heapTotal, external } = process.memoryUsage();
    return { heapUsed, heapTotal, external };
  },
  liveHeap: () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    // What has a finalizer goes with the second one.
    collect();
    collect();
    setFlagsFromString('--no-expose-gc');
    return process.memoryUsage().heapUsed;
  },
  watchLoop: () => {
    delay.reset();
    delay.enable();
  },
  loopDelay: () => {
    delay.disable();
    const [p50, p99] = [delay.percentile(50), delay.percentile(99)].map(milliseconds);
    return { p50, p99, max: milliseconds(delay.max) };
  },
  snapshot: (path: string) => writeHeapSnapshot(path),
});
// The program ends when it is done, whoever could still ask.
process.channel?.unref();
