/** The folder dom0 sees as /share: the product, the test program, and the Node that runs both. */
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { fetchNode, makePackages } from '../../../src/packaging/build.ts';
import type { Options, Suite } from './options.ts';

const PRODUCT = 'dist/xenpci.cjs';
const HOOK = 'manifests/libvirt/xenpci-hook';

/** Where the bash scripts, the scenarios and the library are, below the project's folder. */
export const LAB = 'test/xen';

/** @throws Error that says what to do, if the product has not been built. */
export async function assertBuilt(project: string): Promise<void> {
  await access(join(project, PRODUCT)).catch(cause => {
    throw new Error(`${PRODUCT} is missing: run npm run build first`, { cause });
  });
}

/** Where files of tests are, below `LAB`: what is tested, or what is measured. */
export type Folder = 'scenarios' | 'bench';

/** The files of tests by name, without `.ts`, in order. */
export async function testFiles(project: string, folder: Folder): Promise<readonly string[]> {
  const names = await readdir(join(project, LAB, folder));
  return names.flatMap(name => (name.endsWith('.ts') ? [name.slice(0, -'.ts'.length)] : [])).sort();
}

/** What one dom0 is to run: the story of an installed package, or the tests of these files whose `file: name` matches `only`. */
export interface Selection {
  readonly installed: boolean;
  readonly folder: Folder;
  readonly files: readonly string[];
  readonly only: Options['only'];
}

/** Makes `share` ready for a boot of `suite`; returns the command dom0 runs there. */
export async function fillShare(project: string, share: string, suite: Suite, selection: Selection): Promise<string> {
  await mkdir(share, { recursive: true });
  await copyFile(join(project, PRODUCT), join(share, 'xenpci.cjs'));
  await copyFile(join(project, HOOK), join(share, 'xenpci-hook'));
  await writeFile(join(share, 'only'), selection.only.source);
  await writeFile(join(share, 'events.jsonl'), '');
  await bundle(project, selection.installed ? STORY : program(selection), join(share, 'tests.mjs'));
  if (selection.installed) await addPackage(project, share, suite);
  if (suite.ownNode) return 'exec node --enable-source-maps /share/tests.mjs';
  // On dom0's disk: the kernel would read the program page by page through the share otherwise.
  await copyFile(process.execPath, join(share, 'node'), constants.COPYFILE_FICLONE);
  return 'cp /share/node /usr/local/bin/node && exec node --enable-source-maps /share/tests.mjs';
}

/** Removes from a share what is only needed while dom0 runs. */
export async function emptyShare(share: string): Promise<void> {
  await rm(join(share, 'node'), { force: true });
}

/** Puts the package for this suite there: with a Node of its own where Debian's is too old. */
async function addPackage(project: string, share: string, { ownNode }: Suite): Promise<void> {
  const node = await fetchNode(join(project, 'node_modules/.cache/xenpci'));
  // To be unpacked in the emulator, where that takes longer than to read it.
  const packages = await makePackages(project, join(share, 'packages'), node, 'none');
  await rename(ownNode ? packages.onDebiansNode : packages.withOwnNode, join(share, 'xenpci.deb'));
}

const STORY = `
import { runStages } from './dom0/stages.ts';
import { stages } from './installed/installed.ts';
await runStages('installed', stages);`;

/** The library and the files of tests; each exports `tests`. */
function program({ folder, files }: Selection): string {
  return [
    "import { main } from './dom0/main.ts';",
    ...files.map((file, n) => `import { tests as tests${n} } from './${folder}/${file}.ts';`),
    `await main([${files.map((file, n) => `{ file: '${file}', tests: tests${n} }`)}]);`,
  ].join('\n');
}

async function bundle(project: string, contents: string, outfile: string): Promise<void> {
  const folder = join(project, LAB);
  await build({
    stdin: { contents, resolveDir: folder, sourcefile: 'tests.ts', loader: 'ts' },
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'inline',
    outfile,
    logLevel: 'warning',
  });
}
