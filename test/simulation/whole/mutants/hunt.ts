/** Runs seeds until a law is broken, and prints the seed and the law. */
import { simulate } from '../simulate.ts';
import { newTally } from '../tally.ts';

const seeds = Number(process.argv[2]);
const tally = newTally();
for (let seed = 1; seed <= seeds; seed += 1) {
  const { broken } = await simulate(seed, tally);
  if (broken === undefined) continue;
  process.stdout.write(`${seed} ${broken.message}\n`);
  break;
}
