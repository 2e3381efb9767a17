import { z } from 'zod';
import type { ProblemCode } from './manifest.ts';

/** What an issue of our own carries besides its message. */
export interface IssueParams {
  readonly problem: ProblemCode;
}

const NOT_SUPPORTED: IssueParams = { problem: 'NotSupported' };

/**
 * A field that the format has and this version does not act on: it may only be absent. To accept and ignore it would be
 * a promise that is not kept.
 * @param instead says what holds without the field, as a clause.
 */
export function unsupportedField(description: string, instead: string): z.ZodType<undefined> {
  return z
    .unknown()
    .meta({ not: {} })
    .transform((_, context) => {
      const message = `is not supported by this version: ${instead}; remove it`;
      context.issues.push({ code: 'custom', message, params: NOT_SUPPORTED, input: undefined });
      return z.NEVER;
    })
    .describe(`${description} Not supported by this version: leave it out.`)
    .exactOptional();
}

/**
 * A choice of which this version supports only the first, which is also the default.
 * @param instead says what holds without the other choice, as a clause.
 */
export function onlyFirst<const T extends string>(
  [first, other]: readonly [T, T],
  description: string,
  instead: string,
): z.ZodType<T> {
  return z
    .enum([first, other])
    .superRefine((value, context) => {
      if (value === first) return;
      const message = `"${other}" is not supported by this version: ${instead}; write ${first} or remove the field`;
      context.addIssue({ code: 'custom', message, params: { ...NOT_SUPPORTED } });
    })
    .default(() => first)
    .describe(`${description} ${other} is not supported by this version.`);
}
