import type { ManifestProblem, ProblemCode } from '../api/manifest.ts';
import type { FieldPath } from '../api/schema.ts';
import { safeLine } from './terminal.ts';

/** A problem of a whole file or folder, for which there is no text to show. */
export function fileProblem(file: string, code: ProblemCode, message: string): ManifestProblem {
  return { file, line: 1, column: 1, code, field: '', message: safeLine(message), excerpt: '' };
}

const NO_MANIFESTS = 'has no manifests (*.yaml, *.yml, *.json) in it';

/** The problem of a folder without manifests. */
export function emptyFolder(folder: string): ManifestProblem {
  return fileProblem(folder, 'EmptySource', NO_MANIFESTS);
}

/** Whether nothing is wrong but that the folder has no manifests in it. */
export function isEmptyFolder(problems: readonly ManifestProblem[]): boolean {
  const [first] = problems;
  return problems.length === 1 && first?.code === 'EmptySource' && first.message === NO_MANIFESTS;
}

/** `file:line:column: error Code: field: message`, on one line that is safe for a terminal. */
export function problemLine(problem: ManifestProblem): string {
  const place = `${safeLine(problem.file)}:${problem.line}:${problem.column}`;
  const field = problem.field === '' ? '' : `${problem.field}: `;
  return `${place}: error ${problem.code}: ${field}${problem.message}`;
}

/** The problem's line, and below it the excerpt, as `xenpci validate` prints it; without a line end. */
export function formatProblem(problem: ManifestProblem): string {
  return [problemLine(problem), ...excerptLines(problem)].join('\n');
}

/** What is written at the problem's place, and the caret below it, set in; nothing where there is no text to show. */
export function excerptLines({ excerpt }: ManifestProblem): string[] {
  return excerpt === '' ? [] : excerpt.split('\n').map(line => `    ${line}`);
}

/** A field's path as people write it: `spec.devices[0].address`. */
export function fieldText(path: FieldPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = /^[A-Za-z][A-Za-z0-9]*$/.test(part) ? part : undefined;
    if (name === undefined) return `${text}[${JSON.stringify(part.slice(0, 64))}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** Order of problems for people: by file, then by place. */
export function compareProblems(a: ManifestProblem, b: ManifestProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** A system error in words, without the path that stands before it anyway: `permission denied (EACCES)`. */
export function systemErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const words = /^[A-Z0-9]+: ([^,]*)/.exec(error.message)?.[1];
  return code === undefined || words === undefined ? error.message : `${words} (${code})`;
}

/** Whether an error says that there is nothing at the path. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT';
}
