import type { EventReason } from '../controller/event-codes.ts';
import type { Happening } from './events/event.ts';

/** One thing worth a line in a log. */
export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  /** CamelCase, for programs. */
  readonly event: string;
  /** A sentence for people; further lines only where an excerpt of a file is shown. */
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** The event that it tells of; absent for what is no change and no attempt. */
  readonly happening?: Happening;
}

/** The event that a line tells of: its note is the line's message where no other is given. */
export type About = Pick<Happening, 'action' | 'regarding'> & Partial<Pick<Happening, 'note' | 'related' | 'askedBy'>>;

/** A line that tells of no event, or with `about` of one whose reason is that of a condition, wait, guard or problem. */
export function line(
  level: Line['level'],
  event: string,
  message: string,
  fields: Line['fields'],
  about?: About & Pick<Happening, 'reason'>,
): Line {
  if (about === undefined) return { level, event, message, fields };
  const { reason, ...rest } = about;
  const type = level === 'info' ? 'Normal' : 'Warning';
  return { level, event, message, fields, happening: { reason, note: message, related: [], ...rest, type } };
}

/** A line that tells of an event, and is called as its reason is. */
export function eventLine(
  level: Line['level'],
  reason: EventReason,
  message: string,
  fields: Line['fields'],
  about: About,
): Line {
  return line(level, reason, message, fields, { ...about, reason });
}
