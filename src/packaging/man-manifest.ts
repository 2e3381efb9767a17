import { jsonSchemas } from '../api/schema-json.ts';
import { bold, italic, type ManPage, paragraph, roff, section, tagged } from './roff.ts';

/** As much of a JSON Schema as is shown. */
interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

const EXAMPLE = `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata:
  name: sys-net
spec:
  domain: sys-net
  devices:
    - name: lan
      address: 0000:01:00.0`;

/** xenpci.yaml(5): every field that may be written, from the JSON Schemas that also check them in editors. */
export function manifestPage(version: string): ManPage {
  const schemas = jsonSchemas() as Readonly<Record<string, Schema>>;
  const kinds = ['pciassignment.json', 'pcihostpolicy.json'].map(file => schemas[file] ?? {});
  const text = [
    section('NAME'),
    'xenpci.yaml \\- manifests of xenpci\n',
    section('DESCRIPTION'),
    paragraph(
      'Files in /etc/xenpci/manifests that end in .yaml, .yml or .json, also in folders below it, say which PCI devices',
      'belong to which domain. A file may have several documents. Names that begin with a dot are ignored. A file that is',
      'not valid changes nothing: what was last good stays in force. xenpci validate shows every problem at its place.',
    ),
    section('EXAMPLE'),
    `.nf\n${roff(EXAMPLE)}\n.fi\n`,
    ...kinds.flatMap(kind => [section(`FIELDS OF ${String(kind.properties?.['kind']?.const)}`), ...fields(kind, '')]),
    section('SEE ALSO'),
    '.BR xenpci (1)\n',
  ];
  return { name: 'xenpci.yaml', section: 5, text: `.TH XENPCI.YAML 5 "" "xenpci ${version}"\n${text.join('')}` };
}

function fields({ properties = {}, required = [] }: Schema, path: string): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const notes = [
      ...valuesOf(field),
      ...(required.includes(name) && field.default === undefined ? ['required'] : []),
      ...(field.default === undefined ? [] : [`default ${JSON.stringify(field.default)}`]),
    ];
    const meaning = field.description ?? '';
    const head = `${bold(roff(here))}${notes.length === 0 ? '' : ` (${italic(roff(notes.join('; ')))})`}`;
    return [tagged(head, meaning === '' ? '\\&' : roff(meaning)), ...below(field, here)];
  });
}

function valuesOf({ const: only, enum: choices, anyOf = [] }: Schema): string[] {
  const all = [...(only === undefined ? [] : [only]), ...(choices ?? []), ...anyOf.flatMap(each => each.enum ?? [])];
  return all.length === 0 ? [] : [all.map(String).join(', ')];
}

function below(field: Schema, path: string): string[] {
  const inside = [field, ...(field.anyOf ?? [])].flatMap(each => fields(each, path));
  const items = [field.items, ...(field.anyOf ?? []).map(each => each.items)].filter(each => each !== undefined);
  // An entry that may be one of several has the fields of all; each is shown once.
  const listed = items.flatMap(each => [each, ...(each.anyOf ?? [])]).flatMap(each => fields(each, `${path}[]`));
  return [...new Set([...inside, ...listed])];
}
