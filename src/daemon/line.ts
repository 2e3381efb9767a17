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

/** What a line tells of, where that differs from what stands in the line. */
export type About = Pick<Happening, 'action' | 'regarding'> & Partial<Omit<Happening, 'type'>>;

/** What a line tells of whose reason is that of a condition, wait, guard or problem. */
export type AboutWithReason = About & Pick<Happening, 'reason'>;

/** A line, and with `about` the event that it tells of: its reason is the name of the line unless another one is given. */
export function line(level: Line['level'], event: string, message: string, fields: Line['fields']): Line;
export function line(
  level: Line['level'],
  event: EventReason,
  message: string,
  fields: Line['fields'],
  about: Omit<About, 'reason'>,
): Line;
export function line(
  level: Line['level'],
  event: string,
  message: string,
  fields: Line['fields'],
  about: AboutWithReason,
): Line;
export function line(
  level: Line['level'],
  event: string,
  message: string,
  fields: Line['fields'],
  about?: About,
): Line {
  if (about === undefined) return { level, event, message, fields };
  const type = level === 'info' ? 'Normal' : 'Warning';
  return { level, event, message, fields, happening: { reason: event, note: message, related: [], ...about, type } };
}
