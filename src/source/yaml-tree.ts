import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair, type ParsedNode } from 'yaml';
import type { ManifestProblem } from '../api/manifest.ts';
import type { FieldPath } from '../api/schema.ts';
import { shown } from '../api/schema-scalars.ts';
import { fieldText } from './problem.ts';
import type { SourceText } from './source-text.ts';

type YamlDocument = Document.Parsed<ParsedNode>;

/** What stands at a path: the value, and its key if it is in a mapping. */
export interface Found {
  readonly key?: Node;
  readonly value?: Node;
}

/** Finds the longest part of `path` that is there. @returns it, and how many of the path's elements it takes. */
export function findField(document: YamlDocument, path: FieldPath): { found: Found; depth: number } {
  let found: Found = document.contents === null ? {} : { value: document.contents };
  for (const [depth, part] of path.entries()) {
    const next = child(document, found.value, part);
    if (next === undefined) return { found, depth };
    found = next;
  }
  return { found, depth: path.length };
}

function child(document: YamlDocument, parent: Node | undefined, part: string | number): Found | undefined {
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  if (isSeq(node)) {
    const item = typeof part === 'number' ? node.items[part] : undefined;
    return isNode(item) ? { value: item } : undefined;
  }
  const pair = isMap(node) ? node.items.find(item => keyText(item) === String(part)) : undefined;
  if (pair === undefined || !isNode(pair.key)) return undefined;
  return isNode(pair.value) ? { key: pair.key, value: pair.value } : { key: pair.key };
}

/** The key as it becomes a field's name; undefined for one that is not plain text. */
function keyText(pair: Pair): string | undefined {
  return isScalar(pair.key) && pair.key.value !== null ? String(pair.key.value) : undefined;
}

const YAML_TAG = 'tag:yaml.org,2002:';
/** What plain data needs, by itself or said. */
const PLAIN_TAGS: ReadonlySet<string> = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map(name => `${YAML_TAG}${name}`),
);

/**
 * What the parser lets through and a manifest must not have: a key twice in one mapping, keys that are no text, aliases
 * without their anchor, and tags of other than plain data.
 */
export function treeProblems(source: SourceText, document: YamlDocument): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const anchors = new Set<string>();
  const report = (node: unknown, path: FieldPath, message: string): void => {
    const offset = isNode(node) ? node.range?.[0] : undefined;
    problems.push(source.problem(offset ?? document.range[0], 'Syntax', fieldText(path), message));
  };
  const visitProperties = (node: unknown, path: FieldPath): void => {
    const tag = specialTag(node);
    if (tag !== undefined) report(node, path, `the tag ${shown(tag)} is not read here`);
    if (isAlias(node)) {
      if (!anchors.has(node.source)) report(node, path, `*${node.source} has no anchor &${node.source} before it`);
    } else if (isNode(node) && 'anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
  };
  const visit = (node: unknown, path: FieldPath): void => {
    visitProperties(node, path);
    if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...path, index]);
    if (isMap(node)) visitPairs(node.items, path);
  };
  const visitPairs = (pairs: readonly Pair[], path: FieldPath): void => {
    const seen = new Map<string, Pair>();
    for (const pair of pairs) {
      visit(pair.key, path);
      const name = keyText(pair);
      const earlier = name === undefined ? undefined : seen.get(name);
      if (name === undefined || name === '__proto__') report(pair.key, path, 'a field name must be plain text');
      else if (earlier !== undefined) report(pair.key, [...path, name], twice(source, name, earlier));
      else seen.set(name, pair);
      visit(pair.value, name === undefined ? path : [...path, name]);
    }
  };
  visit(document.contents, []);
  return problems;
}

function twice(source: SourceText, name: string, earlier: Pair): string {
  const offset = isNode(earlier.key) ? (earlier.key.range?.[0] ?? 0) : 0;
  return `${shown(name)} stands in line ${source.origin(offset).line} already; a field may be given once`;
}

/** A tag that the parser understands of its own accord, and warns nobody of: of binary data, dates, sets, merges. */
function specialTag(node: unknown): string | undefined {
  if (!isNode(node) || !('tag' in node) || typeof node.tag !== 'string') return undefined;
  return node.tag.startsWith(YAML_TAG) && !PLAIN_TAGS.has(node.tag) ? node.tag : undefined;
}
