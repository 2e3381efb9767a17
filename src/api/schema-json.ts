import * as z from 'zod';
import { assignmentSchema } from './schema-assignment.ts';
import { deviceSchema } from './schema-device.ts';
import type { FieldPath } from './schema-issues.ts';
import { hostPolicySchema } from './schema-policy.ts';

/** As much of a JSON Schema as is walked here. */
interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/**
 * The JSON Schemas by file name, draft 7 because that is what editors' YAML servers know best. `manifest.json` takes
 * every kind that is written: the one to name in `# yaml-language-server: $schema=...`.
 */
export function jsonSchemas(): Readonly<Record<string, object>> {
  const kinds = { PCIAssignment: assignmentSchema, PCIHostPolicy: hostPolicySchema };
  const byKind = Object.entries(kinds).map(([kind, schema]) => [kind, bare(schema)] as const);
  return {
    ...Object.fromEntries(
      byKind.map(([kind, schema]) => [`${kind.toLowerCase()}.json`, { $schema: DRAFT, ...schema }]),
    ),
    'pcidevice.json': { $schema: DRAFT, ...bare(deviceSchema) },
    'manifest.json': {
      $schema: DRAFT,
      description: 'An object that xenpci reads.',
      type: 'object',
      required: ['apiVersion', 'kind'],
      properties: { kind: { enum: Object.keys(kinds), description: 'What this object is.' } },
      // Only the kind's own rules apply, so an editor does not list the complaints of both.
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
      allOf: byKind.map(([kind, schema]) => ({ if: { properties: { kind: { const: kind } } }, then: schema })),
    },
  };
}

const DRAFT = 'http://json-schema.org/draft-07/schema#';

function bare(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return rest;
}

/** The fields that may stand in the mapping at `path`, for "did you mean". */
export function knownFields(schema: z.ZodType, path: FieldPath): readonly string[] {
  let nodes: readonly JsonSchema[] = branches(jsonSchema(schema));
  for (const part of path) {
    nodes = nodes.flatMap(node => {
      const next = typeof part === 'number' ? node.items : node.properties?.[part];
      return next === undefined ? [] : branches(next);
    });
  }
  return nodes.flatMap(node => Object.keys(node.properties ?? {}));
}

const generated = new WeakMap<z.ZodType, JsonSchema>();

/** Generates once: a list of thousands of wrong entries asks thousands of times. */
function jsonSchema(schema: z.ZodType): JsonSchema {
  const known = generated.get(schema) ?? (z.toJSONSchema(schema, { io: 'input' }) as JsonSchema);
  generated.set(schema, known);
  return known;
}

function branches(node: JsonSchema): readonly JsonSchema[] {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(branches);
}
