/** Rows of `npm run bench:xen`: tests that end with something measured. */
import type { Row } from '../../bench/row.ts';
import { emit, type Test, test, testName } from './test.ts';

/** A row as a test. @param deadline ms for all its rounds, in an emulator on a busy machine. */
export function measuring({ name, title, measure }: Row, deadline: number): Test {
  return test(
    title,
    async () => {
      const lines = await measure();
      emit({ type: 'measured', test: testName(), row: { name, title, lines } });
    },
    deadline,
  );
}
