/** What a test is, and how the tests of a run follow each other. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type Event, RESET_LIMIT } from '../events.ts';
import { within } from './deadline.ts';
import { diagnose } from './diagnostics.ts';
import { resetHost } from './reset.ts';

/** A test of a scenario file: `export const tests: readonly Test[]`. */
export interface Test {
  readonly name: string;
  /** ms the body may take. */
  readonly deadline: number;
  /** Makes the host ready for the body; `resetHost` unless given. */
  readonly prepare?: () => Promise<void>;
  /** Throws if the test fails. */
  readonly body: () => Promise<void>;
}

/** The tests of one file. */
export interface TestFile {
  readonly file: string;
  readonly tests: readonly Test[];
}

/** Makes a test. @param deadline ms; generous, because emulation on a busy machine is slow. */
export function test(name: string, body: () => Promise<void>, deadline = 300_000): Test {
  return { name, deadline, body };
}

const current = new AsyncLocalStorage<string>();

/** The running test, as `file: name`. */
export function testName(): string {
  return current.getStore() ?? '';
}

/** Adds a measured fact about the running test to the run's table, such as "attach: 0.4 s". */
export function note(text: string): void {
  emit({ type: 'noted', test: testName(), text });
}

/** Seconds `body` takes, and what it returns. */
export async function timed<T>(body: () => Promise<T>): Promise<{ seconds: string; value: T }> {
  const since = performance.now();
  const value = await body();
  return { seconds: ((performance.now() - since) / 1_000).toFixed(1), value };
}

/**
 * Runs all tests whose `file: name` matches, one after the other, each on a clean host, and reports them.
 * A host that cannot be cleaned fails the tests that follow: nothing they would show could be trusted.
 */
export async function runTests(files: readonly TestFile[], only: RegExp): Promise<void> {
  const selected = files
    .flatMap(({ file, tests }) => tests.map(test => ({ id: `${file}: ${test.name}`, test })))
    .filter(({ id }) => only.test(id));
  emit({ type: 'selected', tests: selected.map(({ id }) => id) });
  for (const { id, test } of selected) await current.run(id, () => runTest(id, test));
  const error = await failureOf(() => reset());
  emit({ type: 'finished', ...(error === undefined ? {} : { error }) });
}

async function runTest(id: string, test: Test): Promise<void> {
  emit({ type: 'started', test: id, deadline: test.deadline });
  const dirty = await failureOf(() => reset(test.prepare));
  const since = performance.now();
  const error = dirty ?? (await failureOf(() => within('the test', test.deadline, test.body)));
  const ms = Math.round(performance.now() - since);
  if (error !== undefined) await writeDiagnosis(id, error);
  emit({ type: 'ended', test: id, ms, ...(error === undefined ? {} : { error }) });
}

function reset(prepare: () => Promise<void> = resetHost): Promise<void> {
  return within('the reset', RESET_LIMIT, prepare);
}

/** Runs `body` so that what it notes counts for the test `id`. */
export function inTest<T>(id: string, body: () => Promise<T>): Promise<T> {
  return current.run(id, body);
}

/** Why `body` failed, or undefined. */
export async function failureOf(body: () => Promise<void>): Promise<string | undefined> {
  try {
    await body();
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** The runner shows where the file is. */
export async function writeDiagnosis(id: string, error: string): Promise<void> {
  mkdirSync('/share/diagnostics', { recursive: true });
  const text = await diagnose().catch((failure: unknown) => `no diagnosis: ${String(failure)}`);
  await writeFile(`/share/diagnostics/${id.replaceAll(/[^\w]+/g, '-')}.txt`, `${error}\n\n${text}`);
}

/** Tells the runner. Written at once and in one piece: it reads along, and dom0 may die at any moment. */
export function emit(event: Event): void {
  appendFileSync('/share/events.jsonl', `${JSON.stringify(event)}\n`);
}
