/** `npm run simulate`: the whole controller in virtual time, in many worlds, on all processors; see `options.ts`. */
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { judgeMutants } from './mutants/run.ts';
import { readOptions, USAGE } from './options.ts';
import { simulate } from './simulate.ts';
import { addTally, faultsOf, newTally, type Tally } from './tally.ts';

const BATCH = 250;
/** After so many broken laws the rest would say nothing new. */
const BROKEN_MAX = 20;

/** Seeds for a worker to run. */
interface Batch {
  readonly from: number;
  readonly count: number;
}

/** What came of them. */
interface Outcome {
  readonly tally: Tally;
  readonly broken: readonly string[];
}

async function runBatch({ from, count }: Batch): Promise<Outcome> {
  const tally = newTally();
  const broken: string[] = [];
  for (let seed = from; seed < from + count; seed += 1) {
    const result = await simulate(seed, tally);
    if (result.broken !== undefined) broken.push(`seed ${seed}: ${result.broken.message}`);
  }
  return { tally, broken };
}

async function runAll(from: number, worlds: number): Promise<Outcome> {
  const tally = newTally();
  const broken: string[] = [];
  let next = from;
  const end = from + worlds;
  let isOver = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isOver = true;
    });
  }
  const take = (): Batch | undefined => {
    if (isOver || next >= end || broken.length >= BROKEN_MAX) return undefined;
    const batch = { from: next, count: Math.min(BATCH, end - next) };
    next += batch.count;
    return batch;
  };
  const count = Math.min(availableParallelism(), Math.ceil(worlds / BATCH));
  const work = Array.from({ length: count }, () => {
    return serve(take, outcome => {
      addTally(tally, outcome.tally);
      broken.push(...outcome.broken);
      for (const line of outcome.broken) print(line);
    });
  });
  await Promise.all(work);
  return { tally, broken };
}

/** Gives a worker one batch after the other. */
function serve(take: () => Batch | undefined, done: (outcome: Outcome) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { resourceLimits: { maxYoungGenerationSizeMb: 64 } });
    const go = (): void => {
      const batch = take();
      if (batch !== undefined) worker.postMessage(batch);
      else void worker.terminate().then(() => resolve());
    };
    worker.on('error', reject);
    worker.on('message', (outcome: Outcome) => {
      done(outcome);
      go();
    });
    go();
  });
}

async function replay(seed: number): Promise<Outcome> {
  const tally = newTally();
  const { broken, lines, hash } = await simulate(seed, tally, true);
  print(`${lines.join('\n')}\nhash ${hash}`);
  return { tally, broken: broken === undefined ? [] : [`seed ${seed}: ${broken.message}`] };
}

/** Everything on one line, as `name number` pairs. */
function summary(tally: Tally, violations: number, seconds: number): string {
  const { seeds, passes, steps, lives, elapsedMs, faults, acts } = tally;
  const counts = { seeds, passes, steps, lives, virtualHours: Math.round(elapsedMs / 3_600_000) };
  const pairs = Object.entries({ ...counts, faults: faultsOf(tally), ...faults, ...acts, violations });
  return `simulation: ${pairs.map(([name, count]) => `${name} ${count}`).join(', ')}, ${seconds.toFixed(1)} s`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options.does === 'help') {
    print(USAGE);
    return 0;
  }
  if (options.does === 'mutants') return (await judgeMutants(options.word)) > 0 ? 1 : 0;
  const began = performance.now();
  const isReplay = options.does === 'replay';
  const { tally, broken } = isReplay ? await replay(options.seed) : await runAll(options.from, options.worlds);
  if (isReplay) for (const line of broken) print(line);
  print(summary(tally, broken.length, (performance.now() - began) / 1000));
  return broken.length > 0 ? 1 : 0;
}

async function start(): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`simulate: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}

if (isMainThread) await start();
else
  parentPort?.on('message', (batch: Batch) => void runBatch(batch).then(outcome => parentPort?.postMessage(outcome)));
