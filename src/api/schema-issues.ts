import type * as z from 'zod';
import type { ProblemCode } from './manifest.ts';
import { shown } from './schema-scalars.ts';
import { closest } from './spelling.ts';

/** Where a field is, from the object's root: names and list positions. */
export type FieldPath = readonly (string | number)[];

/** What is wrong with one field of an object. */
export interface FieldIssue {
  readonly path: FieldPath;
  readonly code: ProblemCode;
  /** A clause that goes after the field's name, or a sentence. */
  readonly message: string;
  /** `key`: about the field's name, not its value. */
  readonly about: 'key' | 'value';
}

/** What an issue is judged by besides itself. */
export interface IssueContext {
  /** The scalar at a path as it is written in the file, when it is known. */
  readonly textAt: (path: FieldPath) => string | undefined;
  /** The names of the fields that may stand at a path. */
  readonly fieldsAt: (path: FieldPath) => readonly string[];
}

type Issue = z.core.$ZodIssue;

/** Says in the project's words and codes what zod found; one zod issue may be about several fields. */
export function fieldIssues(issue: Issue, context: IssueContext, base: FieldPath = []): FieldIssue[] {
  const path = [...base, ...issue.path.map(part => (typeof part === 'symbol' ? String(part) : part))];
  const one = (code: ProblemCode, message: string): FieldIssue[] => [{ path, code, message, about: 'value' }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(key => unknownField([...path, key], context.fieldsAt(path)));
    case 'invalid_type':
      if (issue.input === undefined) return one('MissingField', 'is missing');
      return one('InvalidValue', wrongType(issue.expected, issue.input, context.textAt(path)));
    case 'invalid_value':
      if (issue.input === undefined) return one('MissingField', 'is missing');
      return one('InvalidValue', wrongChoice(issue.values.map(String), issue.input));
    case 'invalid_union':
      return unionIssues(issue, context, path);
    case 'invalid_key':
      return [{ path, code: 'InvalidValue', message: issue.issues[0]?.message ?? issue.message, about: 'key' }];
    case 'custom':
      return one(problemCode(issue.params) ?? 'InvalidValue', issue.message);
    default:
      return one('InvalidValue', issue.message);
  }
}

function problemCode(params: Record<string, unknown> | undefined): ProblemCode | undefined {
  return params?.['problem'] as ProblemCode | undefined;
}

function unknownField(path: FieldPath, known: readonly string[]): FieldIssue {
  const name = String(path.at(-1));
  const meant = closest(name, known);
  const advice = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
  return { path, code: 'UnknownField', message: `${shown(name)} is not a field; ${advice}`, about: 'key' };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function wrongType(expected: string, input: unknown, written: string | undefined): string {
  const must = `must be ${TYPE_NAMES[expected] ?? expected}`;
  if (input === null) return `${must}${emptyText(input)}`;
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) {
    const text = written ?? String(input);
    const value = text === String(input) ? `a ${typeof input}` : `the ${typeof input} ${input}`;
    return `${must}: unquoted ${text} is ${value} in YAML; write "${text}"`;
  }
  return `${must}, not ${kindOf(input)}`;
}

/** YAML makes null of a field without a value. */
function emptyText(input: unknown): string {
  return input === null ? ', and is empty' : '';
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' ? 'a mapping' : `the ${typeof input} ${shown(input)}`;
}

function wrongChoice(values: readonly string[], input: unknown): string {
  const must = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`;
  if (input === null) return `${must}${emptyText(input)}`;
  const meant = typeof input === 'string' && values.length > 1 ? closest(input, values) : undefined;
  return `${must}, not ${shown(input)}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

/** Reports the branch that the value was meant for: the one that takes its type; else what the branches have in common. */
function unionIssues(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  context: IssueContext,
  path: FieldPath,
): FieldIssue[] {
  if (issue.input === undefined) return [{ path, code: 'MissingField', message: 'is missing', about: 'value' }];
  const meant = issue.errors.filter(
    branch => !branch.some(error => error.code === 'invalid_type' && error.path.length === 0),
  );
  const [only] = meant;
  if (meant.length === 1 && only !== undefined) return only.flatMap(error => fieldIssues(error, context, path));
  const isScalar = typeof issue.input === 'number' || typeof issue.input === 'boolean';
  const message = isScalar
    ? wrongType('string', issue.input, context.textAt(path))
    : `${issue.message}${emptyText(issue.input)}`;
  return [{ path, code: 'InvalidValue', message, about: 'value' }];
}
