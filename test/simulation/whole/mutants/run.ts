import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { build, type Plugin } from 'esbuild';
import { MUTANTS, type Mutant } from './mutants.ts';

const CACHE = resolve('node_modules/.cache/xenpci/mutants');
/** A mutant that lives so long is not noticed. */
const SEEDS_MAX = 30_000;

/** What came of one. */
interface Verdict {
  readonly mutant: Mutant;
  /** Absent when nothing was noticed. */
  readonly caught?: { readonly seed: number; readonly law: string };
}

async function judge(mutant: Mutant, index: number): Promise<Verdict> {
  const outfile = join(CACHE, `${index}.mjs`);
  await build({
    entryPoints: ['test/simulation/whole/mutants/hunt.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
    plugins: [mutating(mutant)],
  });
  const child = spawn(process.execPath, [outfile, String(SEEDS_MAX)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = (await text(child.stdout)).trim();
  const [, seed, law] = /^(\d+) (\w+)/.exec(said) ?? [];
  return seed === undefined || law === undefined ? { mutant } : { mutant, caught: { seed: Number(seed), law } };
}

/** The text of its file with the fault in it. @throws Error when what is to be changed is not there exactly once. */
export function mutated({ name, file, find, replace }: Mutant): string {
  const source = readFileSync(resolve(file), 'utf8');
  if (source.split(find).length !== 2) throw new Error(`${name}: what is to be changed is not in ${file} exactly once`);
  return source.replace(find, () => replace);
}

/** Changes one place of one file while it is bundled: the folder stays as it is. */
function mutating(mutant: Mutant): Plugin {
  const path = resolve(mutant.file);
  const contents = mutated(mutant);
  return {
    name: 'mutant',
    setup(setup) {
      setup.onLoad({ filter: /\.ts$/ }, args => (args.path === path ? { contents, loader: 'ts' } : undefined));
    },
  };
}

/**
 * Judges all mutants, or those with a word in their name, and prints a line for each.
 * @returns how many were not noticed as they should.
 */
export async function judgeMutants(word = ''): Promise<number> {
  mkdirSync(CACHE, { recursive: true });
  const waiting = [...MUTANTS.entries()].filter(([, { name }]) => name.includes(word));
  let missed = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { mutant, caught } = await judge(next[1], next[0]);
      const isExpected = caught !== undefined && mutant.laws.some(law => law === caught.law);
      if (!isExpected) missed += 1;
      const verdict = caught === undefined ? 'not noticed' : `${caught.law} at seed ${caught.seed}`;
      process.stdout.write(`${isExpected ? 'ok   ' : 'WRONG'} ${mutant.name}: ${verdict}\n`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return missed;
}
