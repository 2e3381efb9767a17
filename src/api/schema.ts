import type * as z from 'zod';
import { knownFields } from './known-fields.ts';
import { API_VERSION, type PCIAssignment, type PCIHostPolicy } from './manifest.ts';
import { assignmentSchema } from './schema-assignment.ts';
import { type FieldIssue, type FieldPath, fieldIssues } from './schema-issues.ts';
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

/** The schema of each kind; that of a policy, which most folders do not have, is made when one is read. */
const schemas: Readonly<Record<ManifestKind, () => z.ZodType<ManifestObject>>> = {
  PCIAssignment: () => assignmentSchema,
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
  const schema = schemas[kind]();
  const result = schema.safeParse(withoutStatus(value), { reportInput: true });
  if (result.success) return { ok: true, object: result.data };
  const context = { textAt, fieldsAt: (path: FieldPath) => knownFields(schema, path) };
  return { ok: false, issues: result.error.issues.flatMap(issue => fieldIssues(issue, context)) };
}

/** What `xenpci get -o yaml` prints is a manifest, too: its status says how things were, and asks for nothing. */
function withoutStatus(value: object): object {
  const { status: _, ...written } = value as { readonly status?: unknown };
  return written;
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
