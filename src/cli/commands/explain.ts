import type { Command } from 'commander';
import { type FieldDoc, fieldNames, findFields, kindDocs, nameOf } from '../../api/schema-docs.ts';
import { closest } from '../../api/spelling.ts';
import { CODES, explanationOf } from '../../controller/codes.ts';
import { type Context, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { Screen } from '../terminal/screen.ts';

/** `xenpci explain`. */
export function explainCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['What a condition, wait, guard or error stands for, and what to do', 'xenpci explain NeedsRestart'],
    ['What may be written in an assignment', 'xenpci explain PCIAssignment.spec'],
    ['One field, wherever it stands', 'xenpci explain whenStopped'],
    ['Every code', 'xenpci explain codes'],
  ]).action((what: string) => {
    const screen = new Screen(shell.stdout, shell);
    if (what === 'codes') showCodes(screen);
    else if (!showCode(screen, what)) showFields(screen, what);
    end(ExitCode.ok);
  });
}

function showCodes(screen: Screen): void {
  const rows = Object.entries(CODES).map(([code, { kind, meaning }]) => [code, kind, meaning]);
  screen.table(['CODE', 'KIND', 'MEANING'], rows, { prose: true });
}

function showCode(screen: Screen, text: string): boolean {
  const found = explanationOf(text);
  if (found === undefined) return false;
  screen.line(`${found.code} (${found.kind})`);
  screen.line();
  screen.prose(found.meaning);
  screen.line();
  screen.prose(`What to do: ${found.remedy}`);
  return true;
}

/** @throws {CliError} for what is no field, with the one that may be meant. */
function showFields(screen: Screen, text: string): void {
  const found = findFields(text);
  if (found.length === 0) throw new CliError(`there is no field or code "${text}"; ${advice(text)}`);
  for (const [index, doc] of found.entries()) {
    if (index > 0) screen.line();
    showField(screen, doc);
  }
}

function advice(text: string): string {
  const last = fieldNames().map(name => name.split('.').at(-1) ?? name);
  const meant = closest(text, [...Object.keys(CODES), ...fieldNames(), ...last]);
  const kinds = kindDocs().map(({ kind }) => kind);
  return meant === undefined
    ? `xenpci explain takes a code, or a field of ${kinds.join(', ')}`
    : `did you mean ${meant}?`;
}

function showField(screen: Screen, doc: FieldDoc): void {
  screen.field('Field', `${nameOf(doc)} <${doc.type}>${doc.required ? ' (required)' : ''}`);
  if (doc.default !== undefined) screen.field('Default', doc.default);
  if (doc.values.length > 0) screen.field('Values', doc.values.join(', '));
  screen.line();
  screen.prose(doc.description);
  if (doc.fields.length === 0) return;
  screen.section('Fields');
  for (const field of doc.fields) {
    const name = field.path.split('.').at(-1) ?? field.path;
    screen.line(`  ${name} <${field.type}>${field.required ? ' (required)' : ''}`);
    screen.prose(field.description, '    ');
  }
}
