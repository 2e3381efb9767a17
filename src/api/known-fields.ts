import * as z from 'zod';
import type { FieldPath } from './schema-issues.ts';

/** As much of a JSON Schema as is walked here. */
interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
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
