import * as z from 'zod';
import { assignmentSchema } from './schema-assignment.ts';
import { deviceSchema } from './schema-device.ts';
import { hostPolicySchema } from './schema-policy.ts';
import {
  assignmentStatusSchema,
  bootHideSchema,
  diagnosisSchema,
  domainSchema,
  eventSchema,
  planSchema,
} from './schema-shown.ts';

/**
 * The JSON Schemas by file name, draft 7 because that is what editors' YAML servers know best. `manifest.json` takes
 * every kind that is written: the one to name in `# yaml-language-server: $schema=...`.
 */
export function jsonSchemas(): Readonly<Record<string, object>> {
  const kinds = { PCIAssignment: assignmentSchema, PCIHostPolicy: hostPolicySchema() };
  const written = Object.entries(kinds).map(([kind, schema]) => [kind, bare(schema)] as const);
  const byKind = written.map(
    ([kind, schema]) => [kind, kind === 'PCIAssignment' ? withStatus(schema) : schema] as const,
  );
  return {
    ...Object.fromEntries(
      byKind.map(([kind, schema]) => [`${kind.toLowerCase()}.json`, { $schema: DRAFT, ...schema }]),
    ),
    ...Object.fromEntries(Object.entries(SHOWN).map(([file, schema]) => [file, { $schema: DRAFT, ...bare(schema) }])),
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

/** What is only shown, for programs that read it. */
const SHOWN: Readonly<Record<string, z.ZodType>> = {
  'pcidevice.json': deviceSchema,
  'domain.json': domainSchema,
  'plan.json': planSchema,
  'event.json': eventSchema,
  'diagnosis.json': diagnosisSchema,
  'boothide.json': bootHideSchema,
};

const DRAFT = 'http://json-schema.org/draft-07/schema#';

/** With the status that is shown, and passed over in a file. */
function withStatus(schema: object): object {
  const { properties } = schema as { readonly properties: object };
  return { ...schema, properties: { ...properties, status: bare(assignmentStatusSchema) } };
}

function bare(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return rest;
}
