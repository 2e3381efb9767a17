import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SCRIPTS } from '../cli/completion/scripts.ts';
import { ExitCode } from '../cli/exit.ts';
import { createProgram } from '../cli/program.ts';
import type { Output } from '../cli/terminal/output.ts';
import type { Shell } from '../cli/terminal/shell.ts';
import { outputsOver } from '../cli/terminal/shell.ts';
import { VERSION } from '../cli/version.ts';
import { manifestPage } from './man-manifest.ts';
import { programPage } from './man-program.ts';
import type { Parts } from './packages.ts';
import { bundleProgram } from './program.ts';

/**
 * Makes all that the packages are made of from a checkout.
 * @param program where the bundled program goes.
 */
export async function makeParts(checkout: string, program: string): Promise<Parts> {
  const libraries = await bundle(checkout, program);
  const read = (path: string): Promise<string> => readFile(join(checkout, path), 'utf8');
  const pages = [
    programPage(await createProgram({ shell: NO_SHELL, end: () => ExitCode.ok }), VERSION),
    manifestPage(VERSION),
  ];
  const scripts = await Promise.all(
    ['postinst', 'prerm', 'postrm'].map(async name => [name, await read(`src/packaging/debian/${name}`)] as const),
  );
  return {
    version: VERSION,
    program,
    manifests: await textsBelow(join(checkout, 'manifests')),
    manual: new Map(pages.map(({ name, section, text }) => [`man${section}/${name}.${section}`, text])),
    completion: SCRIPTS,
    readme: await read('README.md'),
    changelog: await read('src/packaging/debian/changelog'),
    copyright: await copyright(checkout, libraries),
    scripts: Object.fromEntries(scripts),
  };
}

const NOWHERE: Output = { write: () => undefined, isTerminal: false, columns: undefined };

/** For a program that is only asked for its help. */
const NO_SHELL: Shell = {
  stdin: { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) },
  ...outputsOver(NOWHERE, NOWHERE, {}),
  env: {},
  caller: 1,
  program: '/usr/lib/xenpci/xenpci.cjs',
  onStop: () => () => undefined,
  onReload: () => () => undefined,
};

/** Bundles the program as one file that can be run. @returns the libraries that went into it. */
async function bundle(checkout: string, outfile: string): Promise<string[]> {
  const { metafile } = await bundleProgram(checkout, { outfile, banner: '#!/usr/bin/env node' });
  const found = Object.keys(metafile.inputs).flatMap(
    path => /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[0] ?? [],
  );
  return [...new Set(found)].sort();
}

async function textsBelow(folder: string): Promise<Map<string, string>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  const texts = new Map<string, string>();
  for (const path of paths.sort()) texts.set(path.slice(folder.length + 1), await readFile(path, 'utf8'));
  return texts;
}

/** Who owns what is in the packages: ourselves, and the libraries that the program file has in it, with their licences. */
async function copyright(checkout: string, libraries: readonly string[]): Promise<string> {
  const texts = await Promise.all(libraries.map(path => licenceOf(join(checkout, path))));
  return `xenpci is licensed under the Apache License, version 2.0.
On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.

/usr/lib/xenpci/xenpci.cjs also has the following libraries in it.
${texts.join('')}`;
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    readonly [field: string]: string;
  };
  const file = (await readdir(folder)).find(each => /^licen[cs]e/i.test(each));
  const text = file === undefined ? '' : `\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`;
  return `\n${'-'.repeat(72)}\n${name} ${version} (${license})\n${text}`;
}
