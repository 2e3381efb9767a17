import { type HostIdentity, hostText } from '../api/hosts.ts';
import type { ManifestProblem, SourceSnapshot } from '../api/manifest.ts';
import { duplicateDevices, duplicateNames } from './duplicates.ts';
import { type ManifestFile, partFor } from './manifest-file.ts';
import { compareProblems, fileProblem } from './problem.ts';

/** One reading of all files. */
export interface Reading {
  /** What each file says, by its path. */
  readonly files: ReadonlyMap<string, ManifestFile>;
  /** Files and folders, by the path in `file`, of which nothing is known: what they held goes on. */
  readonly unknown: readonly ManifestProblem[];
}

/** The content that is in force, by file. */
export type InForce = ReadonlyMap<string, ManifestFile>;

/** A file's content of which it is being decided whether it comes in force. */
interface Candidate {
  readonly content: ManifestFile;
  /** Why it is an earlier content that stays, if it is. */
  readonly stale?: ManifestProblem;
}

/**
 * Decides what comes in force, file by file: a file's new content if it is good, else the content it had before. A file
 * that is gone takes its content with it. Pure.
 * @param before what the last settling put in force, for the same host.
 * @param host only what is for this host comes in force; everything when absent.
 */
export function settle(
  before: InForce,
  reading: Reading,
  host?: HostIdentity,
): { inForce: InForce; snapshot: SourceSnapshot } {
  const problems: ManifestProblem[] = [...reading.unknown];
  const candidates = new Map<string, Candidate>();
  for (const [path, whole] of reading.files) {
    const file = host === undefined ? whole : partFor(host, whole);
    problems.push(...file.problems);
    const [problem] = file.problems;
    if (problem === undefined) candidates.set(path, { content: file });
    else keep(candidates, before, path, problem);
  }
  for (const path of before.keys()) {
    const problem = reading.files.has(path) ? undefined : reading.unknown.find(({ file }) => isWithin(path, file));
    if (problem !== undefined) keep(candidates, before, path, problem);
  }
  problems.push(...rejectDuplicates(candidates, before, host));
  const inForce = contents(candidates);
  if (host !== undefined) problems.push(...namelessHost(inForce, host));
  const complete = problems.length === 0;
  problems.push(...duplicateDevices(inForce, host).map(({ problem }) => problem));
  return {
    inForce,
    snapshot: snapshot(candidates, { problems: problems.sort(compareProblems), complete }, reading, host),
  };
}

/** What of earlier contents can be in force together: of what is not valid, or takes a name twice, nothing. Pure. */
export function restorable(files: InForce, host: HostIdentity): InForce {
  const good = [...files].filter(([, { problems }]) => problems.length === 0);
  const valid = new Map(good.map(([path, file]) => [path, partFor(host, file)]));
  return duplicateNames(valid, host).length === 0 ? valid : new Map();
}

function keep(candidates: Map<string, Candidate>, before: InForce, path: string, stale: ManifestProblem): void {
  const content = before.get(path);
  if (content === undefined) candidates.delete(path);
  else candidates.set(path, { content, stale });
}

/** On a host that nobody can name, an object for named hosts may be for it all the same. */
function namelessHost(files: InForce, { names, machineId }: HostIdentity): ManifestProblem[] {
  if (names.length > 0 || machineId !== undefined) return [];
  const [unsure] = [...files].find(([, { elsewhere }]) => elsewhere > 0) ?? [];
  if (unsure === undefined) return [];
  const message = 'has spec.hosts, and this host has neither a name nor a machine id; write /etc/hostname';
  return [fileProblem(unsure, 'Unreadable', message)];
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/**
 * Puts the earlier content back for every file whose new content takes a name that is taken. That content may clash
 * with the new content of a third file, so it goes on until nothing does. Earlier contents never clash with each other.
 */
function rejectDuplicates(
  candidates: Map<string, Candidate>,
  before: InForce,
  host: HostIdentity | undefined,
): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  for (;;) {
    const clashes = duplicateNames(contents(candidates), host).filter(
      ({ file }) => candidates.get(file)?.stale === undefined,
    );
    if (clashes.length === 0) return problems;
    for (const { file, problem } of clashes) {
      problems.push(problem);
      if (candidates.get(file)?.stale === undefined) keep(candidates, before, file, problem);
    }
  }
}

function contents(candidates: ReadonlyMap<string, Candidate>): InForce {
  return new Map([...candidates].map(([path, { content }]) => [path, content]));
}

function snapshot(
  candidates: ReadonlyMap<string, Candidate>,
  { problems, complete }: Pick<SourceSnapshot, 'problems' | 'complete'>,
  reading: Reading,
  host: HostIdentity | undefined,
): SourceSnapshot {
  const files = [...candidates].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candidate]) => candidate);
  const assignments = files.flatMap(({ content, stale }) =>
    content.assignments.map(({ sourced }) => (stale === undefined ? sourced : { ...sourced, stale })),
  );
  const policy = files.flatMap(({ content }) => content.policies)[0]?.policy;
  const elsewhere = files.reduce((sum, { content }) => sum + content.elsewhere, 0);
  // There is at most one policy, so one in force is all there is to know.
  const mayHold = (file: string): boolean =>
    !isKnown(file, candidates) && reading.files.get(file)?.mayHoldPolicy !== false;
  const unknown = policy === undefined && !complete && problems.some(({ file }) => mayHold(file));
  return {
    assignments,
    problems,
    complete,
    ...(policy === undefined ? {} : { policy }),
    ...(unknown ? { policyUnknown: true } : {}),
    ...(host === undefined || elsewhere === 0 ? {} : { elsewhere: { objects: elsewhere, host: hostText(host) } }),
  };
}

/** Whether what a file or folder held when it was last readable is in force. */
function isKnown(path: string, candidates: ReadonlyMap<string, Candidate>): boolean {
  return [...candidates.keys()].some(file => isWithin(file, path));
}
