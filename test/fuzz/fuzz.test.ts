import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { foundInputs } from './corpus.ts';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const FOUND = join(import.meta.dirname, 'found');
const SEED = 20_261_126;

/** A quick slice of `npm run fuzz`; another seed each time would make a red test that nobody can repeat. */
describe.each(TARGETS)('$name', target => {
  test('what broke something once, the heavy inputs, and some thousands of others break nothing', async () => {
    const found = foundInputs(FOUND, target.name).map(({ input }) => input);
    const { findings, inputs, accepted } = await fuzz(target, { inputs: target.quick, seed: SEED, found });
    expect(findings.map(({ what, input }) => `${what}\n${JSON.stringify(input.toString('latin1'))}`)).toEqual([]);
    expect(inputs).toBeGreaterThanOrEqual(target.quick);
    // A target that refuses everything proves nothing of what it accepts.
    expect(accepted).toBeGreaterThan(0);
  });
});

test('the seeds of every target are good', async () => {
  for (const { name, seeds, open } of TARGETS) {
    const opened = await open();
    for (const seed of seeds) expect(await opened.run(seed), `${name}: ${seed.toString('latin1')}`).toBe('accepted');
    await opened.close?.();
  }
});
