import type { Reporter, TestCase } from 'vitest/node';

/** How often a test is tried again: once where nobody is there to do it, and never before somebody who can look at it. */
export const retry: number = process.env['CI'] === undefined ? 0 : 1;

/** Shows each test that passed only when it was tried again, with what had gone wrong: there is a race to be found. */
export default class TriedAgain implements Reporter {
  readonly #found: TestCase[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky === true) this.#found.push(test);
  }

  onTestRunEnd(): void {
    for (const test of this.#found) {
      process.stdout.write(`\nPassed only when tried again: ${test.module.relativeModuleId} > ${test.fullName}\n`);
      for (const { stack, message } of test.result().errors ?? []) process.stdout.write(`  ${stack ?? message}\n`);
    }
  }
}
