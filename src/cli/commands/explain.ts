import type { Command } from 'commander';
import { type FieldDoc, fieldNames, findFields, kindDocs, nameOf } from '../../api/schema-docs.ts';
import { closest } from '../../api/spelling.ts';
import { CODES, explanationOf } from '../../controller/codes.ts';
import { type Context, withExamples } from '../context.ts';
import { CliError, ExitCode } from '../exit.ts';
import { Screen } from '../terminal/screen.ts';
import { wrapped } from '../terminal/wrap.ts';

/** Columns of the labels of fields. */
const LABEL = 17;

/** `xenpci explain`. */
export function explainCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['What a condition, wait, guard or error stands for, and what to do', 'xenpci explain NeedsRestart'],
    ['What may be written in an assignment', 'xenpci explain PCIAssignment.spec'],
    ['One field, wherever it stands', 'xenpci explain whenStopped'],
    ['Every code', 'xenpci explain codes'],
  ]).action((what: string) => {
    const screen = new Screen(shell.stdout, shell);
    const width = shell.stdout.columns ?? 80;
    if (what === 'codes') showCodes(screen);
    else if (!showCode(screen, what, width)) showFields(screen, what, width);
    end(ExitCode.ok);
  });
}

function showCodes(screen: Screen): void {
  const rows = Object.entries(CODES).map(([code, { kind, meaning }]) => [code, kind, meaning]);
  screen.table(['CODE', 'KIND', 'MEANING'], rows);
}

function showCode(screen: Screen, text: string, width: number): boolean {
  const found = explanationOf(text);
  if (found === undefined) return false;
  screen.line(`${found.code} (${found.kind})`);
  screen.line();
  for (const line of wrapped(found.meaning, width)) screen.line(line);
  screen.line();
  for (const line of wrapped(`What to do: ${found.remedy}`, width)) screen.line(line);
  return true;
}

/** @throws {CliError} for what is no field, with the one that may be meant. */
function showFields(screen: Screen, text: string, width: number): void {
  const found = findFields(text);
  if (found.length === 0) throw new CliError(`there is no field or code "${text}"; ${advice(text)}`);
  for (const [index, doc] of found.entries()) {
    if (index > 0) screen.line();
    showField(screen, doc, width);
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

function showField(screen: Screen, doc: FieldDoc, width: number): void {
  screen.field('Field', `${nameOf(doc)} <${doc.type}>${doc.required ? ' (required)' : ''}`);
  if (doc.default !== undefined) screen.field('Default', doc.default);
  if (doc.values.length > 0) screen.field('Values', ...wrapped(doc.values.join(', '), width - LABEL));
  screen.line();
  for (const line of wrapped(doc.description, width)) screen.line(line);
  if (doc.fields.length === 0) return;
  screen.section('Fields');
  for (const field of doc.fields) {
    const name = field.path.split('.').at(-1) ?? field.path;
    screen.line(`  ${name} <${field.type}>${field.required ? ' (required)' : ''}`);
    for (const line of wrapped(field.description, width - 4)) screen.line(`    ${line}`);
  }
}
