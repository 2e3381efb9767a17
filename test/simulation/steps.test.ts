import { expect, test } from 'vitest';
import { NOTHING, runWorld, type Tally } from './steps.ts';

// WORLDS=N asks for another number; SEED_FROM=N WORLDS=1 replays one.
const worlds = Number(process.env['WORLDS'] ?? 10_000);
const from = Number(process.env['SEED_FROM'] ?? 1);

test(`${worlds} worlds with faults converge with exactly the needed steps, and no illegal one`, async () => {
  const tally: Tally = { ...NOTHING };
  for (let seed = from; seed < from + worlds; seed++) await runWorld(seed, tally);
  process.stdout.write(
    `simulation: ${Object.entries(tally)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}\n`,
  );
  expect(tally.worlds).toBe(worlds);
}, 600_000);
