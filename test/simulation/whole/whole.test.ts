import { expect, test } from 'vitest';
import { MUTANTS } from './mutants/mutants.ts';
import { mutated } from './mutants/run.ts';
import { simulate } from './simulate.ts';
import { faultsOf, newTally } from './tally.ts';

/** A few seconds of what `npm run simulate` does. */
const SEEDS = 400;

test(`${SEEDS} worlds of the whole controller in virtual time break no law`, async () => {
  const tally = newTally();
  const broken: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await simulate(seed, tally);
    if (result.broken !== undefined) broken.push(`seed ${seed}: ${result.broken.message}`);
  }
  expect(broken).toEqual([]);
  expect(faultsOf(tally)).toBeGreaterThan(SEEDS);
  expect(tally.faults.killed).toBeGreaterThan(SEEDS / 10);
}, 600_000);

// They are hunted by `npm run simulate -- --mutants` only, and the program changes under them.
test.each(MUTANTS.map(mutant => [mutant.name, mutant] as const))(
  'a fault that can be put into the program: %s',
  (_, mutant) => {
    expect(mutated(mutant)).toContain(mutant.replace);
  },
);

test('one seed replays one run exactly', async () => {
  const tally = newTally();
  for (const seed of [7, 42, 99, 1234]) {
    const first = await simulate(seed, tally, true);
    const second = await simulate(seed, tally, true);
    expect(second.lines).toEqual(first.lines);
    expect(second.hash).toBe(first.hash);
    expect(first.lines.length).toBeGreaterThan(5);
  }
  const [one, other] = [await simulate(7, tally), await simulate(8, tally)];
  expect(one.hash).not.toBe(other.hash);
});
