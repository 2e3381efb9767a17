import { Composer, type CST, type Document, Lexer, type ParsedNode, Parser } from 'yaml';
import type { ManifestProblem } from '../api/manifest.ts';
import { ALIASES_MAX, DOCUMENTS_MAX, LEXEMES_MAX, NESTING_MAX } from './limits.ts';
import type { SourceText } from './source-text.ts';

/** The documents of a file, those with problems of their own included, and what the parser complains about. */
export interface YamlStream {
  readonly documents: readonly Document.Parsed<ParsedNode>[];
  readonly problems: readonly ManifestProblem[];
}

/**
 * Parses a file's text as a stream of YAML 1.2 documents; JSON is a part of YAML. Never throws. Size, nesting, aliases
 * and documents are bounded while the text is being cut up, before anything grows out of it.
 */
export function parseYaml(source: SourceText): YamlStream {
  const tokens: CST.Token[] = [];
  const refusal = tokenize(source, tokens);
  if (refusal !== undefined) return { documents: [], problems: [refusal] };
  // Duplicate keys are looked for elsewhere: the composer compares each key of a mapping with each other one.
  const composer = new Composer({ version: '1.2', schema: 'core', merge: false, uniqueKeys: false, strict: true });
  const documents: Document.Parsed<ParsedNode>[] = [];
  const problems = openDirective(source, tokens);
  for (const document of composer.compose(tokens, false, source.text.length)) {
    if (documents.length === DOCUMENTS_MAX) {
      const message = `has more than ${DOCUMENTS_MAX} documents; split it`;
      return { documents: [], problems: [source.problem(document.range[0], 'TooLarge', '', message)] };
    }
    documents.push(document as Document.Parsed<ParsedNode>);
    problems.push(...syntaxProblems(source, document));
  }
  return { documents, problems };
}

/** The parser says nothing of a directive that no document follows: a file that was cut off there would declare nothing. */
function openDirective(source: SourceText, tokens: readonly CST.Token[]): ManifestProblem[] {
  const last = tokens.findLastIndex(({ type }) => type === 'directive');
  const directive = tokens[last];
  if (directive === undefined || tokens.slice(last).some(({ type }) => type === 'document')) return [];
  return [source.problem(directive.offset, 'Syntax', '', 'is a directive, and no document follows it')];
}

/** One mistake makes the parser complain several times about the same line: the first time is said to the user. */
function syntaxProblems(source: SourceText, document: Document): ManifestProblem[] {
  const end = source.text.trimEnd().length;
  const byLine = new Map<number, ManifestProblem>();
  // A warning is about something that is not understood, such as an unknown tag: here that is no manifest.
  for (const error of [...document.errors, ...document.warnings]) {
    const problem = source.problem(Math.min(error.pos[0], end), 'Syntax', '', firstLine(error.message));
    if (!byLine.has(problem.line)) byLine.set(problem.line, problem);
  }
  return [...byLine.values()];
}

/** Cuts the text into the parser's tokens. @returns why it is refused, if it is. */
function tokenize(source: SourceText, tokens: CST.Token[]): ManifestProblem | undefined {
  const parser = new Parser();
  let lexemes = 0;
  let aliases = 0;
  for (const lexeme of new Lexer().lex(source.text)) {
    const refuse = (message: string): ManifestProblem => source.problem(parser.offset, 'TooLarge', '', message);
    lexemes += 1;
    if (lexeme.startsWith('*')) aliases += 1;
    if (lexemes > LEXEMES_MAX) return refuse('has too many elements; split it into several files');
    if (aliases > ALIASES_MAX) return refuse(`has more than ${ALIASES_MAX} aliases`);
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > NESTING_MAX) return refuse('is nested too deep here');
  }
  tokens.push(...parser.end());
  return undefined;
}

function firstLine(message: string): string {
  const [line = ''] = message.split('\n');
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`;
}
