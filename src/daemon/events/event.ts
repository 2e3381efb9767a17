import type { Asker } from '../../plan/asked-by.ts';

/** The kinds of objects that events are about, by the word that stands for each on the command line. */
export const OBJECT_KINDS = {
  device: 'PCIDevice',
  assignment: 'PCIAssignment',
  domain: 'Domain',
  manifest: 'Manifest',
  host: 'Host',
} as const;

export type ObjectWord = keyof typeof OBJECT_KINDS;

/** What an event is about. The name may be hostile: it is whatever a file or a guest is called. */
export interface ObjectRef {
  readonly kind: (typeof OBJECT_KINDS)[ObjectWord];
  readonly name: string;
}

/** An object as the command line has it: `device/0000:03:00.0`. */
export function refText({ kind, name }: ObjectRef): string {
  const word = Object.entries(OBJECT_KINDS).find(([, known]) => known === kind)?.[0] ?? kind;
  return `${word}/${name}`;
}

export function ref(word: ObjectWord, name: string): ObjectRef {
  return { kind: OBJECT_KINDS[word], name };
}

/** One change or attempt, before it has a place in the journal. */
export interface Happening {
  /** What was done or attempted, one CamelCase word: `Attach`, `Look`, `Wait`. */
  readonly action: string;
  /** Why it is told, one CamelCase word: `StepFailed`, or the reason of a condition, wait or guard. */
  readonly reason: string;
  readonly type: 'Normal' | 'Warning';
  readonly regarding: ObjectRef;
  /** What else it has to do with. */
  readonly related: readonly ObjectRef[];
  /** A sentence. Without times and counts, so that a repeat is known as one. */
  readonly note: string;
  /** For steps on the host: who asked for them. */
  readonly askedBy?: readonly Asker[];
}

/** A happening in the journal. */
export interface Event extends Happening {
  /** Grows by one with each, also over restarts. */
  readonly id: number;
  /** RFC 3339 in UTC. */
  readonly time: string;
  /** How often it has happened in a row of repeats, this one included. */
  readonly count: number;
  /** When the row began, and with which event. */
  readonly since: string;
  readonly first: number;
}

/** Of each row of repeats only the last; in the order of time. */
export function withoutRepeats(events: readonly Event[]): Event[] {
  const last = new Map<number, Event>();
  for (const event of events) last.set(event.first, event);
  return [...last.values()].sort((a, b) => a.id - b.id);
}

/** Whether an event is about this object, or has to do with it. */
export function concerns(event: Event, { kind, name }: ObjectRef): boolean {
  return [event.regarding, ...event.related].some(object => object.kind === kind && object.name === name);
}

/** Reads `device/0000:03:00.0`. @returns undefined when the text is no object of a known kind. */
export function parseRef(text: string): ObjectRef | undefined {
  const slash = text.indexOf('/');
  const word = text.slice(0, slash);
  const name = text.slice(slash + 1);
  if (slash === -1 || name === '' || !Object.hasOwn(OBJECT_KINDS, word)) return undefined;
  return ref(word as ObjectWord, name);
}
