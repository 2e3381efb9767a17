import * as z from 'zod';
import { printableJson } from '../printable-json.ts';
import { type Event, type Happening, OBJECT_KINDS, type ObjectRef } from './event.ts';

/** Characters of a note or name that are kept: a guest or file may be called by far more than anybody can read. */
const TEXT_MAX = 1024;
const RELATED_MAX = 32;

const text = z.string().max(4 * TEXT_MAX);
const object = z.strictObject({ kind: z.enum(Object.values(OBJECT_KINDS)), name: text });
const asker = z.strictObject({
  assignment: text,
  entry: text.exactOptional(),
  file: text.exactOptional(),
  line: z.int().exactOptional(),
  hash: text.exactOptional(),
});
const record: z.ZodType<Event> = z.strictObject({
  id: z.int().positive(),
  time: z.iso.datetime(),
  action: text,
  reason: text,
  type: z.enum(['Normal', 'Warning']),
  regarding: object,
  related: z.array(object),
  note: text,
  askedBy: z.array(asker).exactOptional(),
  count: z.int().positive(),
  since: z.iso.datetime(),
  first: z.int().positive(),
});

/** An event as one line of a file, which people show on their terminals. */
export function encodeEvent(event: Event): string {
  return printableJson(`${JSON.stringify(event)}\n`);
}

/** @returns undefined for a line that is no event, such as one that a crash has cut off. */
export function decodeEvent(line: string): Event | undefined {
  try {
    const parsed = record.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The same happening with no text longer than is kept, so that every line has a bound. */
export function bounded(happening: Happening): Happening {
  const { note, regarding, related, askedBy } = happening;
  const named = (ref: ObjectRef): ObjectRef => ({ ...ref, name: cut(ref.name) });
  return {
    ...happening,
    note: cut(note),
    regarding: named(regarding),
    related: related.slice(0, RELATED_MAX).map(named),
    ...(askedBy === undefined ? {} : { askedBy: askedBy.slice(0, RELATED_MAX) }),
  };
}

function cut(value: string): string {
  return value.length <= TEXT_MAX ? value : `${value.slice(0, TEXT_MAX - 1)}…`;
}
