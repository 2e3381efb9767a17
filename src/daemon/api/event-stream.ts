import type { ServerResponse } from 'node:http';
import type { Event } from '../events/event.ts';
import type { Journal } from '../events/journal.ts';
import { printableJson } from '../printable-json.ts';

/** A line without meaning at least this often, ms: whoever is gone is found out by it. */
const BEAT_MS = 10_000;
/** How long a reader may leave what it was sent unread, ms. */
const SLOW_MS = 10_000;

export interface StreamOptions {
  /** Only what came after this event; what comes from now on when absent. */
  readonly after: number | undefined;
  readonly wanted: (event: Event) => boolean;
  readonly slowMs?: number;
}

/**
 * Sends events as they come, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * An event is sent once it is on disk, so no id is used twice. Nothing is kept for a slow reader but its place in the
 * journal: one that does not read in time, or whose place is lost meanwhile, is cut off, and comes back with `Last-Event-ID`.
 */
export function streamEvents(journal: Journal, response: ServerResponse, options: StreamOptions): void {
  const { wanted, slowMs = SLOW_MS } = options;
  let cursor = startOf(journal, options.after);
  let slow: NodeJS.Timeout | undefined;
  const write = (text: string): void => {
    if (!response.write(text)) slow ??= setTimeout(() => response.destroy(), slowMs);
  };
  const pump = (): void => {
    const { settled } = journal;
    const [oldest] = settled;
    if (oldest !== undefined && cursor < oldest.id - 1 && cursor !== 0) return void response.destroy();
    for (const event of settled) {
      if (slow !== undefined) return;
      if (event.id <= cursor) continue;
      cursor = event.id;
      if (wanted(event)) write(frame(event));
    }
  };
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  write('retry: 2000\n\n');
  const beat = setInterval(() => {
    if (slow === undefined) write(':\n\n');
  }, BEAT_MS);
  const end = journal.onSettled(pump);
  response.on('drain', () => {
    clearTimeout(slow);
    slow = undefined;
    pump();
  });
  response.once('close', () => {
    end();
    clearInterval(beat);
    clearTimeout(slow);
  });
  pump();
}

/**
 * A place that is yet to come is from a journal that was lost: then all of this one is new. So it is when the journal no
 * longer has the place; the reader sees by the ids that some are missing.
 */
function startOf({ events, settled }: Journal, after: number | undefined): number {
  const newest = events.at(-1)?.id ?? 0;
  if (after === undefined) return newest;
  const oldest = settled.at(0)?.id ?? 0;
  return after > newest || after < oldest - 1 ? 0 : after;
}

function frame(event: Event): string {
  return `id: ${event.id}\ndata: ${printableJson(JSON.stringify(event))}\n\n`;
}
