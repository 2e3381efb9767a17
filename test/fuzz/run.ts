/** `npm run fuzz`: tries every target in a thread of its own, with bounds on the time of each input and on memory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { foundInputs } from './corpus.ts';
import { readOptions, USAGE } from './options.ts';
import { type Row, resultTable } from './table.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';
import { type Answer, progress, SHARED_BYTES, type Task, work } from './worker.ts';

/** One input may take this long, ms: some thousand times what any takes on a machine that does nothing else. */
const STUCK_MS = 20_000;
const LOOK_MS = 1_000;
/** Megabytes that a target may have at once, its corpus included. */
const HEAP_MB = 512;

interface Watched {
  readonly answer: Answer;
  readonly seconds: number;
  readonly peakMb: number;
}

/** Tries one target. What kills its thread, or keeps it too long, is a finding like any other. */
function watched(target: Target, inputs: number, seed: number): Promise<Watched> {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const found = foundInputs(resolve('test/fuzz/found'), target.name).map(({ input }) => input);
  const script = import.meta.url;
  const task: Task = { target: target.name, inputs, seed, found, script, shared };
  const limits = { maxOldGenerationSizeMb: HEAP_MB };
  const worker = new Worker(fileURLToPath(script), { workerData: task, resourceLimits: limits });
  const began = performance.now();
  let peakMb = 0;
  let last = { begun: -1, at: began };
  return new Promise(settle => {
    const done = (answer: Answer): void => {
      clearInterval(looking);
      settle({ answer, seconds: (performance.now() - began) / 1000, peakMb });
    };
    const failed = (what: string): void => {
      const { begun, input } = progress(shared);
      const findings = [{ input, what }];
      done({ target: target.name, inputs: begun, accepted: 0, corpus: 0, longestMs: 0, findings });
    };
    const look = (): void => {
      peakMb = Math.max(peakMb, process.memoryUsage.rss() / 1024 / 1024);
      const { begun } = progress(shared);
      if (begun !== last.begun) last = { begun, at: performance.now() };
      else if (performance.now() - last.at > STUCK_MS) {
        failed(`no end after ${STUCK_MS} ms`);
        void worker.terminate();
      }
    };
    const looking = setInterval(look, LOOK_MS);
    worker.once('message', (answer: Answer) => {
      look();
      done(answer);
    });
    worker.once('error', error => failed(`the thread ended: ${error.stack ?? error.message}`));
  });
}

async function main(args: readonly string[]): Promise<number> {
  const { help, targets, inputs, seed, out } = readOptions(args);
  if (help) {
    print(`${USAGE}\n\nTargets:\n${TARGETS.map(({ name, about }) => `  ${name.padEnd(18)}${about}`).join('\n')}`);
    return 0;
  }
  const unknown = targets.find(name => !TARGETS.some(target => target.name === name));
  if (unknown !== undefined) throw new Error(`there is no target ${unknown}`);
  const rows: Row[] = [];
  for (const target of TARGETS.filter(({ name }) => targets.length === 0 || targets.includes(name))) {
    const { answer, seconds, peakMb } = await watched(target, inputs ?? target.full, seed);
    rows.push({ ...answer, seconds, peakMb, findings: answer.findings.length });
    print(resultTable(rows.slice(-1), rows.length === 1));
    for (const [index, { input, what }] of answer.findings.entries()) {
      const path = join(dirname(out), `${target.name}-${seed}-${index}`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, input);
      print(`  ${path}: ${what}`);
    }
  }
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify({ seed, rows }, null, 2)}\n`);
  return rows.some(({ findings }) => findings > 0) ? 1 : 0;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

if (isMainThread) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    process.exitCode = 2;
  }
} else await work();
