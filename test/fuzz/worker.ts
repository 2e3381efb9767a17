import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { type Finding, fuzz, type Outcome, shortened } from './fuzz.ts';
import { INPUT_MAX } from './mutate.ts';
import { TARGETS } from './targets.ts';

/** What a worker is told. */
export interface Task {
  readonly target: string;
  readonly inputs: number;
  readonly seed: number;
  readonly found: readonly Uint8Array[];
  /** The script that all code under test is part of. */
  readonly script: string;
  /** What the worker is at, for whoever watches it. */
  readonly shared: SharedArrayBuffer;
}

/** What a worker answers. */
export type Answer = Omit<Outcome, 'findings'> & {
  readonly findings: readonly { readonly input: Uint8Array; readonly what: string }[];
};

/** Bytes that the shared memory needs: how many inputs were begun, the length of the present one, and itself. */
export const SHARED_BYTES: number = 8 + INPUT_MAX;

/** What a worker is at. A heavy input is shown by its beginning. */
export function progress(shared: SharedArrayBuffer): { readonly begun: number; readonly input: Buffer } {
  const [begun = 0, length = 0] = new Int32Array(shared, 0, 2);
  return { begun, input: Buffer.from(Buffer.from(shared, 8, Math.min(length, INPUT_MAX))) };
}

/** Does its task and answers. */
export async function work(): Promise<void> {
  const { target: name, inputs, seed, found, script, shared } = workerData as Task;
  const target = TARGETS.find(each => each.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  const numbers = new Int32Array(shared, 0, 2);
  const bytes = Buffer.from(shared, 8);
  const before = (input: Buffer): void => {
    input.copy(bytes, 0, 0, INPUT_MAX);
    Atomics.store(numbers, 1, input.length);
    Atomics.add(numbers, 0, 1);
  };
  const coverage = new Coverage(script);
  const outcome = await fuzz(target, { inputs, seed, before, coverage, found: found.map(each => Buffer.from(each)) });
  const findings: Finding[] = [];
  for (const finding of outcome.findings) {
    const opened = await target.open();
    findings.push({ what: finding.what, input: await shortened(opened, finding, before) });
    await opened.close?.();
  }
  parentPort?.postMessage({ ...outcome, findings } satisfies Answer);
}
