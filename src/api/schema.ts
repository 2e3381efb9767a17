import type * as z from 'zod';
import { API_VERSION, type PCIAssignment, type PCIHostPolicy } from './manifest.ts';
import { assignmentSchema } from './schema-assignment.ts';
import { type FieldIssue, type FieldPath, fieldIssues } from './schema-issues.ts';
import { knownFields } from './schema-json.ts';
import { hostPolicySchema } from './schema-policy.ts';
import { shown } from './schema-scalars.ts';
import { closest } from './spelling.ts';

export type { FieldIssue, FieldPath } from './schema-issues.ts';

/** Any object that a user writes. */
export type ManifestObject = PCIAssignment | PCIHostPolicy;
export type ManifestKind = ManifestObject['kind'];

/** The object with its defaults filled in, or everything that is wrong with it. */
export type Checked =
  | { readonly ok: true; readonly object: ManifestObject }
  | { readonly ok: false; readonly issues: readonly FieldIssue[] };

/** The schema of each kind. */
export const schemas: Readonly<Record<ManifestKind, z.ZodType<ManifestObject>>> = {
  PCIAssignment: assignmentSchema,
  PCIHostPolicy: hostPolicySchema,
};

/**
 * Checks one object as it came out of YAML or JSON. Never throws.
 * @param textAt the scalar at a path as it is written, so that a message can show `0200` where YAML made 200 of it.
 */
export function checkManifest(
  value: unknown,
  textAt: (path: FieldPath) => string | undefined = () => undefined,
): Checked {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refused([], 'InvalidValue', 'a document is a mapping with apiVersion, kind, metadata and spec');
  }
  const kind: unknown = 'kind' in value ? value.kind : undefined;
  if (kind === undefined) return refused(['kind'], 'MissingField', `is missing; write one of ${kinds.join(', ')}`);
  if (!isKind(kind)) return refused(['kind'], 'UnknownKind', unknownKind(kind));
  const result = schemas[kind].safeParse(value, { reportInput: true });
  if (result.success) return { ok: true, object: result.data };
  const context = { textAt, fieldsAt: (path: FieldPath) => knownFields(schemas[kind], path) };
  return { ok: false, issues: result.error.issues.flatMap(issue => fieldIssues(issue, context)) };
}

/** The object as a user would write it: what `checkManifest` takes. */
export function writtenForm(object: ManifestObject): unknown {
  if (object.kind === 'PCIHostPolicy') return object;
  const { domain } = object.spec;
  return { ...object, spec: { ...object.spec, domain: 'name' in domain ? domain.name : domain } };
}

const kinds = Object.keys(schemas);

function isKind(kind: unknown): kind is ManifestKind {
  return typeof kind === 'string' && Object.hasOwn(schemas, kind);
}

function unknownKind(kind: unknown): string {
  if (kind === 'PCIDevice') {
    return 'PCIDevice is what xenpci shows of a device, and nobody writes it; name the device in a PCIAssignment';
  }
  const meant = typeof kind === 'string' ? closest(kind, kinds) : undefined;
  const advice = meant === undefined ? `${API_VERSION} has ${kinds.join(' and ')}` : `did you mean ${meant}?`;
  return `${shown(kind)} is not a kind; ${advice}`;
}

function refused(path: FieldPath, code: FieldIssue['code'], message: string): Checked {
  return { ok: false, issues: [{ path, code, message, about: 'value' }] };
}
