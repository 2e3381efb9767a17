import type * as z from 'zod';
import type { IssueParams } from './schema-issue.ts';

const MISSING: IssueParams = { problem: 'MissingField' };

/** A refinement: exactly one of `fields` is given. It runs beside other errors too, so the value may be of any type. */
export function exactlyOne(fields: readonly string[]): (value: unknown, context: z.RefinementCtx) => void {
  return (value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const [first, ...others] = fields.filter(field => field in value);
    if (first === undefined) {
      const message = `does not say which device; give one of ${fields.join(', ')}`;
      context.addIssue({ code: 'custom', message, params: { ...MISSING } });
    }
    for (const field of others) {
      const message = `stands beside ${first}; give exactly one of ${fields.join(', ')}`;
      context.addIssue({ code: 'custom', message, path: [field] });
    }
  };
}

/** The same rule for the JSON Schema. */
export function exactlyOneMeta(fields: readonly string[]): { oneOf: readonly object[] } {
  return { oneOf: fields.map(field => ({ required: [field] })) };
}
