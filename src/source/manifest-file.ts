import { type Document, isScalar, type Node, type ParsedNode, Scalar } from 'yaml';
import { type HostIdentity, isForHost } from '../api/hosts.ts';
import type { ManifestProblem, PCIAssignment, PCIHostPolicy, SourcedAssignment } from '../api/manifest.ts';
import { checkManifest, type FieldIssue, type FieldPath, type ManifestObject } from '../api/schema.ts';
import { decodeUtf8 } from './decode.ts';
import { contentHash } from './hash.ts';
import { ALIASES_MAX, PROBLEMS_MAX } from './limits.ts';
import { compareProblems, fieldText, fileProblem } from './problem.ts';
import { type Mark, SourceText } from './source-text.ts';
import { parseYaml } from './yaml-stream.ts';
import { type Found, findField, treeProblems } from './yaml-tree.ts';

/** An assignment of a file, and the places that problems with other files point at. */
export interface FileAssignment {
  readonly sourced: SourcedAssignment;
  readonly name: Mark;
  /** For each entry where its address, path or selector stands. */
  readonly locators: readonly Mark[];
}

/** A host policy of a file. */
export interface FilePolicy {
  readonly policy: PCIHostPolicy;
  readonly name: Mark;
}

/** All that one file says. With any problem, nothing of the rest may come in force. */
export interface ManifestFile {
  /** What is written in it; empty when that could not be read. */
  readonly text: string;
  readonly assignments: readonly FileAssignment[];
  readonly policies: readonly FilePolicy[];
  /** How many of its objects are for other hosts; none of them is in the lists. */
  readonly elsewhere: number;
  readonly problems: readonly ManifestProblem[];
  /** Whether a policy may be written in it: unless it can be read, and each of its documents says that it is none. */
  readonly mayHoldPolicy: boolean;
}

/** A file that gives nothing but a problem. */
export function unusableFile(problem: ManifestProblem): ManifestFile {
  return { text: '', assignments: [], policies: [], elsewhere: 0, problems: [problem], mayHoldPolicy: true };
}

/** What a file says to one host. */
export function partFor(host: HostIdentity, file: ManifestFile): ManifestFile {
  const { assignments, policies } = file;
  const mine = assignments.filter(({ sourced }) => isForHost(sourced.assignment.spec.hosts, host));
  const rules = policies.filter(({ policy }) => isForHost(policy.spec.hosts, host));
  const others = assignments.length - mine.length + policies.length - rules.length;
  return { ...file, assignments: mine, policies: rules, elsewhere: file.elsewhere + others };
}

/**
 * Reads the bytes of one manifest file. Never throws: what is wrong is in `problems`, by place.
 * @param file the name for origins and problems.
 */
export function parseManifestFile(file: string, bytes: Uint8Array): ManifestFile {
  const source = decodeUtf8(file, bytes);
  if (!(source instanceof SourceText)) return unusableFile(source);
  if (source.text.trim() === '') {
    // An editor that saves in place leaves the file empty for a moment; that must not read as "give everything back".
    const message = 'is empty; delete the file, or leave a comment in it, to remove what it declared';
    return unusableFile(fileProblem(file, 'EmptySource', message));
  }
  const { documents, problems } = parseYaml(source);
  const objects = documents.filter(hasContent);
  const parts = objects.map(document => readDocument(source, document));
  const all = [...problems, ...parts.flatMap(part => part.problems)].sort(compareProblems);
  return {
    text: source.text,
    assignments: parts.flatMap(part => part.assignments),
    policies: parts.flatMap(part => part.policies),
    elsewhere: 0,
    problems: all.length <= PROBLEMS_MAX ? all : [...all.slice(0, PROBLEMS_MAX), uncounted(file, all)],
    mayHoldPolicy: problems.length > 0 || !objects.every(isAssignment),
  };
}

function uncounted(file: string, all: readonly ManifestProblem[]): ManifestProblem {
  return fileProblem(file, 'TooLarge', `has ${all.length - PROBLEMS_MAX} more problems, which are not shown`);
}

type YamlDocument = Document.Parsed<ParsedNode>;

/** Whether a document is more than comments. A tag, an anchor or a `|` with nothing after it is the beginning of something. */
function hasContent(document: YamlDocument): boolean {
  const { contents, errors } = document;
  if (errors.length > 0) return true;
  if (!isScalar(contents)) return contents !== null;
  const { source, value, tag, anchor } = contents;
  return source !== '' || value !== null || tag !== undefined || anchor !== undefined;
}

/** Whether a document says that it is an assignment, and is sound enough for that to be believed. */
function isAssignment(document: YamlDocument): boolean {
  return document.errors.length === 0 && document.get('kind') === 'PCIAssignment';
}

type DocumentContent = Omit<ManifestFile, 'text' | 'mayHoldPolicy'>;

const NOTHING: DocumentContent = { assignments: [], policies: [], elsewhere: 0, problems: [] };

function readDocument(source: SourceText, document: YamlDocument): DocumentContent {
  if (document.errors.length > 0) return NOTHING;
  const problems = treeProblems(source, document);
  if (problems.length > 0) return { ...NOTHING, problems };
  const value = plainValue(source, document);
  if ('problem' in value) return { ...NOTHING, problems: [value.problem] };
  const checked = checkManifest(value.value, path => writtenText(document, path));
  if (checked.ok) return { ...NOTHING, ...located(source, document, checked.object) };
  return { ...NOTHING, problems: checked.issues.map(issue => issueProblem(source, document, issue)) };
}

function plainValue(source: SourceText, document: YamlDocument): { value: unknown } | { problem: ManifestProblem } {
  try {
    return { value: document.toJS({ maxAliasCount: ALIASES_MAX }) };
  } catch (error) {
    // Left to yaml here: aliases that stand for too much, or for themselves.
    const reason = error instanceof Error ? error.message : String(error);
    return { problem: source.problem(document.range[0], 'Syntax', '', `cannot be read as plain data: ${reason}`) };
  }
}

/** The scalar as it is written, where it is not in quotes. */
function writtenText(document: YamlDocument, path: FieldPath): string | undefined {
  const { found, depth } = findField(document, path);
  const scalar = depth === path.length && isScalar(found.value) ? found.value : undefined;
  return scalar?.type === Scalar.PLAIN ? scalar.source : undefined;
}

function issueProblem(source: SourceText, document: YamlDocument, issue: FieldIssue): ManifestProblem {
  const { found, depth } = findField(document, issue.path);
  // What is missing is shown at the name of what it is missing in.
  const atKey = issue.about === 'key' || depth < issue.path.length;
  return source.problem(offsetOf(found, atKey, document), issue.code, fieldText(issue.path), issue.message);
}

function offsetOf({ key, value }: Found, atKey: boolean, document: YamlDocument): number {
  const [first, second] = atKey || isEmpty(value) ? [key, value] : [value, key];
  return first?.range?.[0] ?? second?.range?.[0] ?? document.range[0];
}

function isEmpty(node: Node | undefined): boolean {
  return isScalar(node) && node.source === '' && node.type === Scalar.PLAIN;
}

function located(source: SourceText, document: YamlDocument, object: ManifestObject): Partial<DocumentContent> {
  const offset = (path: FieldPath): number => offsetOf(findField(document, path).found, false, document);
  const name = source.mark(offset(['metadata', 'name']));
  if (object.kind === 'PCIHostPolicy') return { policies: [{ policy: object, name }] };
  const entry = (index: number): FieldPath => ['spec', 'devices', index];
  const { devices } = object.spec;
  const sourced: SourcedAssignment = {
    assignment: object,
    origin: source.origin(offset([])),
    entryOrigins: devices.map((_, index) => source.origin(offset(entry(index)))),
    hash: contentHash(object),
  };
  const locators = devices.map((device, index) => source.mark(offset([...entry(index), locatorField(device)])));
  return { assignments: [{ sourced, name, locators }] };
}

function locatorField(device: PCIAssignment['spec']['devices'][number]): string {
  if (device.address !== undefined) return 'address';
  return device.path === undefined ? 'selector' : 'path';
}
