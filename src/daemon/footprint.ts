import { setFlagsFromString } from 'node:v8';

/**
 * How much has to run in a function before V8 asks whether to optimize it, twenty times V8's own measure: bytes of bytecode
 * in Node 20, and calls since Node 22 (V8 12).
 */
const OPTIMIZE_LATE = { bytes: '--interrupt-budget=1350000', calls: '--invocation-count-for-turbofan=60000' } as const;

/**
 * Lets a process that rests nearly always keep little memory: only what runs often over days is worth V8's optimizing
 * compiler, which leaves some 10 MiB behind, and for all else takes more time than it gives back. The baseline compiler's
 * code takes a multiple of what it is compiled from. For the process's life.
 */
export function keepSmall(): void {
  const [major = 0] = process.versions.v8.split('.').map(Number);
  setFlagsFromString(major < 12 ? OPTIMIZE_LATE.bytes : OPTIMIZE_LATE.calls);
  setFlagsFromString('--no-sparkplug');
}
