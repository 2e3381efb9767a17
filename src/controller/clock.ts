import { uptime } from 'node:os';
import type { Clock } from './ports.ts';

// setTimeout takes at most 2^31-1 ms; a longer wait would fire at once.
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // The first goes on while the machine sleeps (CLOCK_BOOTTIME), the second does not (CLOCK_MONOTONIC); see clock_gettime(2).
  asleepMs: () => Math.max(0, uptime() * 1000 - Number(process.hrtime.bigint() / 1_000_000n)),
  after(delayMs, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(delayMs, 0), TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
};
