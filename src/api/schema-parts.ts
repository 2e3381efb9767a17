import * as z from 'zod';
import { API_VERSION } from './manifest.ts';

/** Fields of an object, each with its schema. */
export type Fields = Readonly<Record<string, z.ZodType>>;

/** A string with what it says. */
export function text(description: string): z.ZodString {
  return z.string().describe(description);
}

/** A time as all of them are written. */
export function time(description: string): z.ZodString {
  return z.string().describe(`${description} RFC 3339, in UTC.`);
}

/** The head of every object. */
export function head(kind: string): Fields {
  return {
    apiVersion: z.literal(API_VERSION).describe('Group and version of the format.'),
    kind: z.literal(kind).describe('What this object is.'),
  };
}

/** Where a device is, or should be. */
export function place(description: string): z.ZodType {
  return z
    .strictObject({
      at: z
        .enum(['host', 'assignable', 'guest'])
        .describe('host: dom0; assignable: on pciback; guest: a running guest.'),
      domid: z.int().exactOptional().describe('Domain id of the guest.'),
      domain: text('Name of the guest.').exactOptional(),
    })
    .describe(description);
}

const REASON = 'One word for programs; xenpci explain tells of each.';
const MESSAGE = 'A sentence for people.';

/** A wait or a refusal, with its times. */
export function hold(description: string): z.ZodType {
  return z.strictObject(holdFields).describe(description);
}

/** What `hold` has in it. */
export const holdFields: Fields = {
  kind: z
    .enum(['wait', 'guard'])
    .describe('wait: ends by itself or by a hand on a domain; guard: a rule that refuses.'),
  reason: text(REASON),
  message: text(MESSAGE),
  since: time('When it began.'),
  deadline: time('When it counts as stalled; absent for guards.').exactOptional(),
  overdue: z.boolean().describe('Whether that time is past.'),
};

/** A guard that a device has, whether somebody asks for it or not. */
export function guard(): z.ZodType {
  return z
    .strictObject({
      reason: text(REASON),
      message: text(MESSAGE),
      off: z.boolean().describe('Whether a PCIHostPolicy allows it.'),
    })
    .describe('A rule that refuses to touch it.');
}

/** How the last step failed. */
export function failure(): z.ZodType {
  return z
    .strictObject({
      count: z.int().describe('How often in a row.'),
      error: text('In the words of the toolstack.'),
      since: time('When it failed first.'),
      nextTry: time('When it is tried again.'),
    })
    .describe('How the last step failed, how often, and when it is tried again.');
}

/** Conditions as Kubernetes has them. */
export function conditions(types: readonly string[], description: string): z.ZodType {
  const condition = z
    .strictObject({
      type: z.enum(types).describe('What it is about.'),
      status: z.enum(['True', 'False']).describe('Whether it is so.'),
      reason: text(REASON),
      message: text(MESSAGE),
      lastTransitionTime: time('Since when.').exactOptional(),
      observedGeneration: text('Hash of the content of the manifest that it speaks of.').exactOptional(),
    })
    .describe('A condition as in Kubernetes.');
  return z.array(condition).describe(description);
}

/** Who asked for a step. */
export function askedBy(): z.ZodType {
  const asker = z
    .strictObject({
      assignment: text('Name of the assignment.'),
      entry: text('Name of its entry; absent where the domain as a whole is meant.').exactOptional(),
      file: text('The manifest; absent for an entry that is gone.').exactOptional(),
      line: z.int().exactOptional().describe('The line of it.'),
      hash: text('Hash of the content that was in force.').exactOptional(),
    })
    .describe('An entry of a manifest, or one that is gone.');
  return z.array(asker).describe('Who asked for it.');
}

/** An address. */
export function address(description: string): z.ZodString {
  return text(`${description} Such as 0000:03:00.0.`);
}
