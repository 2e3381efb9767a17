import { lstat, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ManifestProblem, SourceSnapshot } from '../api/manifest.ts';
import { messageOf } from '../controller/message-of.ts';
import { replaceFile } from '../host/replace-file.ts';
import { FILE_BYTES_MAX } from '../source/limits.ts';
import type { Overlay } from '../source/overlay.ts';
import { systemErrorText } from '../source/problem.ts';
import { isManifestName } from '../source/scan.ts';
import type { Globals } from './context.ts';
import { CliError } from './exit.ts';
import { LOOKING, openLookout, type Survey } from './looks/survey.ts';
import { showing } from './terminal/progress.ts';
import { Screen } from './terminal/screen.ts';
import type { Shell } from './terminal/shell.ts';
import { showProblems } from './views/problems.ts';

/** A file that is to go into the folder of manifests. */
export interface NewManifest {
  /** Where it goes. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Whether the folder has exactly that already. */
  readonly same: boolean;
}

/**
 * Reads a file, and finds its place in the folder.
 * @throws {CliError} when it is no manifest, or the folder is not ours to write: one that Git brings is changed there.
 */
export async function newManifest({ manifests }: Globals, file: string): Promise<NewManifest> {
  const name = basename(file);
  if (!isManifestName(name))
    throw new CliError(`${name} is no name of a manifest: *.yaml, *.yml or *.json, without a dot in front`);
  await requirePlainFolder(manifests);
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CliError(`${file} cannot be read: ${systemErrorText(cause)}`, { cause });
  });
  if (bytes.length > FILE_BYTES_MAX) throw new CliError(`${file} is longer than ${FILE_BYTES_MAX} bytes`);
  const path = join(manifests, name);
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined && !there.isFile())
    throw new CliError(`${path} is no plain file; xenpci does not replace it`);
  const before = there === undefined ? undefined : await readFile(path).catch(() => undefined);
  return { path, bytes, same: before?.equals(bytes) === true };
}

/** @throws {CliError} for a folder that Git brings: it is changed there. */
export async function requirePlainFolder(folder: string): Promise<void> {
  const stats = await lstat(folder).catch((cause: unknown) => {
    throw new CliError(`${folder} cannot be used: ${systemErrorText(cause)}`, { cause });
  });
  const isGit = await lstat(join(folder, '.git')).then(
    () => true,
    () => false,
  );
  if (!stats.isSymbolicLink() && !isGit) return;
  const why = isGit ? 'is a working tree of Git' : 'is a link, as xenpci-pull makes it';
  throw new CliError(`${folder} ${why}: what is written there would be lost or in the way; commit the file instead`);
}

/** The host as it is, and as it would be seen with the file. */
export interface CheckedManifest {
  readonly before: Survey;
  readonly after: Survey;
}

/**
 * Looks at the host as it is and as it would be with a file, and shows what is wrong with the file.
 * @returns undefined when it is not valid, by itself or beside the others.
 * @throws {CliError}
 */
export async function checkedManifest(
  shell: Shell,
  globals: Globals,
  { path, bytes }: NewManifest,
): Promise<CheckedManifest | undefined> {
  const one = async (overlay?: Overlay): Promise<Survey> => {
    const lookout = await openLookout({ ...globals, manifestsGiven: true }, overlay);
    try {
      return await lookout.survey();
    } finally {
      await lookout.close();
    }
  };
  const both = async (): Promise<[Survey, Survey]> => [await one(), await one({ path, bytes })];
  const [before, after] = await showing(shell, LOOKING, both);
  const problems = problemsOf(after.source, path);
  if (problems.length === 0) return { before, after };
  const errors = new Screen(shell.stderr, shell);
  showProblems(errors, problems);
  errors.line('Nothing was written.', 'bad');
  return undefined;
}

/**
 * In one rename: whoever reads the folder sees the old file or the new one.
 * @throws {CliError} when it cannot be written.
 */
export async function putIntoFolder({ path, bytes }: Pick<NewManifest, 'path' | 'bytes'>): Promise<void> {
  await replaceFile(path, bytes.toString('utf8'), { mode: 0o644, durable: true, shared: true }).catch(
    (cause: unknown) => {
      throw new CliError(`${path} cannot be written: ${messageOf(cause)}`, { cause });
    },
  );
}

/** The problems that a file would bring: those at its own places. */
function problemsOf({ problems }: SourceSnapshot, path: string): readonly ManifestProblem[] {
  return problems.filter(({ file }) => file === path);
}

/** What becomes of each assignment of a file, such as `assignment/web created`. */
export function changesOf(before: SourceSnapshot, after: SourceSnapshot, path: string): string[] {
  const inFile = (snapshot: SourceSnapshot): Map<string, string> =>
    new Map(
      snapshot.assignments
        .filter(({ origin }) => origin.file === path)
        .map(({ assignment, hash }) => [assignment.metadata.name, hash]),
    );
  const [was, is] = [inFile(before), inFile(after)];
  const policy = JSON.stringify(before.policy) === JSON.stringify(after.policy) ? [] : ['the PCIHostPolicy changes'];
  return [
    ...[...is].map(([name, hash]) => {
      const known = was.get(name);
      return `assignment/${name} ${known === undefined ? 'created' : known === hash ? 'unchanged' : 'configured'}`;
    }),
    ...[...was.keys()].filter(name => !is.has(name)).map(name => `assignment/${name} removed`),
    ...policy,
  ];
}
