import { build, type Metafile } from 'esbuild';
import { leavingOut } from './left-out.ts';

/** Where the program file goes, and what it begins with. */
export interface ProgramFile {
  readonly outfile: string;
  /** A first line for those who start the file itself. */
  readonly banner?: string;
  /** Whether it is written there; when absent it is. */
  readonly write?: boolean;
}

/** The program as one file. */
export interface Program {
  /** What went into it. */
  readonly metafile: Metafile;
  /** Its content; undefined when it was written. */
  readonly content: Uint8Array | undefined;
}

/**
 * Bundles the program as one file that runs on every Node that is supported. The same sources make the same bytes.
 * Names stay as they are written: classes are named in messages, and functions in traces.
 * @param checkout the folder that has `src` and `node_modules` in it.
 */
export async function bundleProgram(
  checkout: string,
  { outfile, banner, write = true }: ProgramFile,
): Promise<Program> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: checkout,
    entryPoints: ['src/main.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 120,
    preserveSymlinks: true,
    ...(banner === undefined ? {} : { banner: { js: banner } }),
    plugins: [leavingOut()],
    outfile,
    write,
    metafile: true,
    logLevel: 'warning',
  });
  return { metafile, content: outputFiles?.[0]?.contents };
}
