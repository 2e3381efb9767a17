/** The results of one suite: printed as they come, then as a table. */
import type { MeasuredRow } from '../../bench/record.ts';
import type { Event } from '../events.ts';
import type { Suite } from './options.ts';

interface Result {
  readonly test: string;
  readonly passed: boolean;
  readonly ms: number;
  readonly notes: readonly string[];
  /** Why it failed. */
  readonly error?: string;
  /** False for what the runner adds: what befell dom0 itself. */
  readonly isTest: boolean;
  /** It failed in a first dom0. */
  readonly second?: true;
}

/** Prints a line on standard output. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Collects what dom0 reports about one suite. A selected test without a result counts as failed. */
export class Report {
  readonly suite: Suite;
  readonly #since: number = performance.now();
  readonly #notes = new Map<string, string[]>();
  readonly #rows: MeasuredRow[] = [];
  #results: Result[] = [];
  #missing: readonly string[] = [];

  constructor(suite: Suite) {
    this.suite = suite;
  }

  /** Takes one event, and prints it if it is news. */
  add(event: Event): void {
    switch (event.type) {
      case 'selected':
        this.#missing = event.tests;
        print(`dom0 is up after ${this.#elapsed()} s; ${event.tests.length} tests`);
        break;
      case 'started':
        this.#notes.set(event.test, []);
        break;
      case 'noted':
        this.#notes.get(event.test)?.push(event.text);
        print(`     ${event.text}`);
        break;
      case 'measured':
        this.#rows.push(event.row);
        break;
      case 'ended':
        this.#end(event.test, event.ms, event.error);
        break;
      case 'finished':
        if (event.error !== undefined) this.#end('the host is clean after the last test', 0, event.error, false);
        break;
    }
  }

  /** Ends the suite: `problem` is what went wrong with dom0 itself. */
  close(problem: string | undefined): void {
    for (const test of this.#missing) this.#end(test, 0, `no result: ${problem ?? 'the test program ended before it'}`);
    if (problem !== undefined && this.failed === 0) this.#end('dom0 runs the tests to their end', 0, problem, false);
  }

  /** The tests that failed, as `file: name`. */
  get failedTests(): readonly string[] {
    return this.#results.filter(({ passed, isTest }) => !passed && isTest).map(({ test }) => test);
  }

  /** What was measured, in the order in which it was. */
  get rows(): readonly MeasuredRow[] {
    return this.#rows;
  }

  /** What failed, and why in one line. */
  get failures(): readonly { readonly name: string; readonly why: string }[] {
    return this.#results.flatMap(({ test, error }) =>
      error === undefined ? [] : [{ name: test, why: error.split('\n', 1)[0] ?? '' }],
    );
  }

  /** Those that passed only in a second dom0. */
  get unsteady(): number {
    return this.#results.filter(({ passed, second }) => passed && second === true).length;
  }

  /** Takes over what a second dom0 showed of the tests that failed here; what befell the first dom0 then counts no more. */
  retried(again: Report): void {
    const results = new Map(again.#results.map(result => [result.test, { ...result, second: true as const }]));
    const kept = this.#results.filter(({ isTest }) => isTest).map(result => results.get(result.test) ?? result);
    this.#rows.push(...again.#rows);
    this.#results = [...kept, ...again.#results.filter(({ isTest }) => !isTest)];
  }

  /** Takes over what another dom0 showed of other tests. */
  join(other: Report): void {
    this.#results.push(...other.#results);
    this.#rows.push(...other.#rows);
  }

  get passed(): number {
    return this.#results.filter(({ passed }) => passed).length;
  }

  get failed(): number {
    return this.#results.length - this.passed;
  }

  /** Prints a row per test, with what was measured. */
  printTable(): void {
    print();
    print(`${this.suite.xen} (${this.suite.name}), ${this.#elapsed()} s in all`);
    for (const { test, passed, ms, notes, second } of this.#results) {
      const when = second === undefined ? '' : ' (in a second dom0)';
      print(`  ${passed ? 'ok    ' : 'FAILED'} ${seconds(ms)} s  ${test}${when}`);
      for (const text of notes) print(`                    ${text}`);
    }
  }

  #end(test: string, ms: number, error: string | undefined, isTest = true): void {
    this.#missing = this.#missing.filter(name => name !== test);
    const notes = this.#notes.get(test) ?? [];
    const failure = error === undefined ? {} : { error };
    this.#results.push({ test, passed: error === undefined, ms, notes, ...failure, isTest });
    print(`${error === undefined ? 'ok    ' : 'FAILED'} ${seconds(ms)} s  ${test}`);
    if (error !== undefined) print(error.replaceAll(/^/gm, '     '));
  }

  #elapsed(): string {
    return ((performance.now() - this.#since) / 1_000).toFixed(0);
  }
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1).padStart(6);
}
