import { jsonSchemas } from './schema-json.ts';

/** As much of a JSON Schema as says what a field is. */
interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** What is known of one field of one kind. */
export interface FieldDoc {
  readonly kind: string;
  /** Such as `spec.devices.reset`; empty for the kind itself. */
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly required: boolean;
  /** As it is written in YAML. */
  readonly default?: string;
  /** What it takes, where that is a list. */
  readonly values: readonly string[];
  /** The fields in it, by name. */
  readonly fields: readonly FieldDoc[];
}

const KINDS = ['PCIAssignment', 'PCIHostPolicy', 'PCIDevice'] as const;

/** Every kind with all of its fields. Pure; what editors are told, too. */
export function kindDocs(): FieldDoc[] {
  const schemas = jsonSchemas();
  return KINDS.map(kind => docOf(kind, '', schemas[`${kind.toLowerCase()}.json`] as Schema, true));
}

/**
 * The fields that a text means: `PCIAssignment`, `pciassignment.spec.devices`, `spec.devices.reset`, or just `reset`.
 * Brackets of a place in a list, as in `spec.devices[0].reset`, are left out.
 */
export function findFields(text: string, docs: readonly FieldDoc[] = kindDocs()): FieldDoc[] {
  const wanted = text.replaceAll(/\[\d*\]/g, '').toLowerCase();
  const all = docs.flatMap(withAll);
  const exact = all.filter(doc => nameOf(doc).toLowerCase() === wanted || doc.path.toLowerCase() === wanted);
  if (exact.length > 0) return exact;
  return all.filter(doc => doc.path.toLowerCase().endsWith(`.${wanted}`));
}

/** A field with its kind: `PCIAssignment.spec.domain`. */
export function nameOf({ kind, path }: FieldDoc): string {
  return path === '' ? kind : `${kind}.${path}`;
}

/** Every name of a kind or field, for "did you mean". */
export function fieldNames(): string[] {
  return kindDocs().flatMap(withAll).map(nameOf);
}

function withAll(doc: FieldDoc): FieldDoc[] {
  return [doc, ...doc.fields.flatMap(withAll)];
}

function docOf(kind: string, path: string, schema: Schema, required: boolean): FieldDoc {
  const own = branches(schema);
  const parts = own.flatMap(branch => branches(branch.items ?? branch));
  const values = own.flatMap(
    branch => branch.enum ?? branch.items?.enum ?? (branch.const === undefined ? [] : [branch.const]),
  );
  const fields = parts.flatMap(part =>
    Object.entries(part.properties ?? {}).map(([name, field]) => {
      const below = path === '' ? name : `${path}.${name}`;
      return docOf(kind, below, field, part.required?.includes(name) === true && own.length === 1);
    }),
  );
  return {
    kind,
    path,
    type: [...new Set(own.map(typeText))].join(' or '),
    description: schema.description ?? own.find(({ description }) => description)?.description ?? '',
    required,
    ...(schema.default === undefined ? {} : { default: JSON.stringify(schema.default) }),
    values: [...new Set(values.map(String))],
    fields,
  };
}

function branches(schema: Schema): readonly Schema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(branches);
}

function typeText({ type, items }: Schema): string {
  if (type === 'array') return items === undefined ? 'list' : `list of ${branches(items).map(typeText)[0] ?? 'values'}`;
  return type ?? 'value';
}
