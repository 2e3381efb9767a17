/** The test program: the runner bundles it with the scenarios, and dom0 runs it. */
import { readFile } from 'node:fs/promises';
import { runTests, type TestFile } from './test.ts';

/** Runs the tests whose `file: name` matches the regular expression in /share/only. */
export async function main(files: readonly TestFile[]): Promise<void> {
  await runTests(files, new RegExp(await readFile('/share/only', 'utf8')));
}
