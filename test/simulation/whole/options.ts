import { parseArgs } from 'node:util';

/** What `npm run simulate` is to do. */
export type Options =
  | { readonly does: 'help' }
  /** Worlds from the seed `from` on. */
  | { readonly does: 'run'; readonly from: number; readonly worlds: number }
  | { readonly does: 'replay'; readonly seed: number }
  /** Faults put into the program: those whose name has `word` in it, or all. */
  | { readonly does: 'mutants'; readonly word: string | undefined };

export const USAGE = `\
npm run simulate                        runs 100,000 worlds, on all processors
npm run simulate -- --worlds 1000       so many worlds
npm run simulate -- --from 500000       from this seed on (default: 1)
npm run simulate -- --seed 440881       one world, line by line, as it was before
npm run simulate -- --mutants [WORD]    puts faults into the program, one after the other (WORD chooses some),
                                        and shows which law notices each at which seed
npm run simulate -- --help              this text

Control-C ends it with what has been done. Exit code 1: a law was broken, or a fault not noticed.`;

const WORLDS = 100_000;

/** Reads the command line. @throws {Error} for what it does not know. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      worlds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      mutants: { type: 'boolean' },
    },
  });
  if (values.help === true) return { does: 'help' };
  const [word, ...more] = positionals;
  if (more.length > 0 || (word !== undefined && values.mutants !== true)) {
    throw new Error(`unknown argument ${more[0] ?? word}; --help says more`);
  }
  if (values.mutants === true) return { does: 'mutants', word };
  if (values.seed !== undefined) return { does: 'replay', seed: whole('--seed', values.seed) };
  return {
    does: 'run',
    from: whole('--from', values.from ?? '1'),
    worlds: whole('--worlds', values.worlds ?? `${WORLDS}`),
  };
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`${option} takes a number from 1 on, not ${JSON.stringify(text)}`);
}
