import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { type Event, type Happening, refText } from './event.ts';
import { EventFile, readEvents } from './event-file.ts';
import { bounded } from './event-line.ts';

/** Events in memory, for those who follow them; the file has more. */
const EVENTS_MAX = 2000;
/** The same thing again within this time is a repeat, ms: failed steps are tried again after 5 minutes at the latest. */
const REPEAT_MS = 3_600_000;
/** Rows of repeats that are known at the same time. */
const ROWS_MAX = 1024;
/** Events that wait to be written: beyond this the file system is too slow or gone, and the oldest are dropped. */
const UNWRITTEN_MAX = 2000;

export interface JournalOptions {
  /** ms since the epoch. */
  readonly now: () => number;
  /** Told what was lost, and why; the work goes on. */
  readonly onProblem: (message: string) => void;
}

/** What has happened on a host, kept over restarts. */
export class Journal {
  readonly #file: EventFile;
  readonly #options: JournalOptions;
  readonly #listeners = new Set<() => void>();
  /** The last event of each row of repeats, oldest first. */
  readonly #rows = new Map<string, Event>();
  #events: Event[] = [];
  #unwritten: Event[] = [];
  #writing: Promise<void> | undefined;
  #failed = false;
  #lastId = 0;
  /** Up to here all is on disk, or lost: a controller that is started anew does not use these ids again. */
  #settledId = 0;

  /** Reads what was kept. Never throws: a journal that cannot be read begins anew, and that is told. */
  static async open(layout: Dom0Layout, options: JournalOptions): Promise<Journal> {
    const { events, damage } = await readEvents(layout);
    for (const message of damage) options.onProblem(message);
    return new Journal(layout, options, events);
  }

  private constructor(layout: Dom0Layout, options: JournalOptions, kept: readonly Event[]) {
    this.#file = new EventFile(layout);
    this.#options = options;
    for (const event of kept) {
      this.#keep(event);
      this.#lastId = Math.max(this.#lastId, event.id);
    }
    this.#settledId = this.#lastId;
  }

  /** The last events, repeats one by one, in the order in which they happened. */
  get events(): readonly Event[] {
    return this.#events;
  }

  /** Of these, those that may be told: what a crash could take back is not yet among them. */
  get settled(): readonly Event[] {
    const first = this.#events.findIndex(({ id }) => id > this.#settledId);
    return first === -1 ? this.#events : this.#events.slice(0, first);
  }

  /** Adds what has just happened. It is on disk soon, not when this returns. */
  record(whole: Happening): Event {
    const happening = bounded(whole);
    const now = this.#options.now();
    const time = new Date(now).toISOString();
    this.#lastId += 1;
    const before = this.#rows.get(rowKey(happening));
    const isRepeat = before !== undefined && now - Date.parse(before.time) < REPEAT_MS;
    const row = isRepeat
      ? { count: before.count + 1, since: before.since, first: before.first }
      : { count: 1, since: time, first: this.#lastId };
    const event = { ...happening, id: this.#lastId, time, ...row };
    this.#keep(event);
    this.#unwritten = [...this.#unwritten, event].slice(-UNWRITTEN_MAX);
    this.#writing ??= this.#write();
    return event;
  }

  /** Calls the listener whenever there is more among those that may be told. @returns a function that ends it. */
  onSettled(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Returns when all is written that can be. */
  async close(): Promise<void> {
    await this.#writing;
    this.#listeners.clear();
  }

  #keep(event: Event): void {
    this.#events.push(event);
    if (this.#events.length > EVENTS_MAX) this.#events = this.#events.slice(-EVENTS_MAX);
    const key = rowKey(event);
    this.#rows.delete(key);
    this.#rows.set(key, event);
    const [oldest] = this.#rows.keys();
    if (this.#rows.size > ROWS_MAX && oldest !== undefined) this.#rows.delete(oldest);
  }

  async #write(): Promise<void> {
    // What is told in one go is written in one go.
    await Promise.resolve();
    try {
      while (this.#unwritten.length > 0) {
        const events = this.#unwritten;
        this.#unwritten = [];
        await this.#append(events);
        this.#settledId = events.at(-1)?.id ?? this.#settledId;
        for (const listener of this.#listeners) listener();
      }
    } finally {
      this.#writing = undefined;
    }
  }

  async #append(events: readonly Event[]): Promise<void> {
    try {
      await this.#file.append(events);
      this.#failed = false;
    } catch (cause) {
      if (!this.#failed) this.#options.onProblem(`events cannot be written, and are lost: ${messageOf(cause)}`);
      this.#failed = true;
    }
  }
}

function rowKey({ action, reason, type, regarding, note }: Happening): string {
  return JSON.stringify([type, action, reason, refText(regarding), note]);
}
