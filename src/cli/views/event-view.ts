import { Document } from 'yaml';
import { API_VERSION } from '../../api/manifest.ts';
import { type Event, refText } from '../../daemon/events/event.ts';
import { printableJson } from '../../daemon/printable-json.ts';
import { askerText } from '../../plan/asked-by.ts';
import type { Output } from '../terminal/output.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { type CellInput, tone } from '../terminal/table.ts';
import { ageText, timeOfDay } from '../terminal/times.ts';
import { type Format, yamlText } from './output.ts';

/** A table with one row for each event, the latest last. */
export function showEvents(
  screen: Screen,
  events: readonly Event[],
  { now, wide }: { readonly now: number; readonly wide: boolean },
): void {
  const headers = ['SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
  const rows = events.map((event): CellInput[] => {
    const { time, type, reason, regarding } = event;
    const row = [
      ageText(time, now),
      type === 'Warning' ? tone(type, 'bad') : type,
      reason,
      refText(regarding),
      noteText(event),
    ];
    return wide ? [...row, event.askedBy?.map(askerText).join('; ')] : row;
  });
  screen.table(wide ? [...headers, 'ASKED BY'] : headers, rows, { wide, prose: true });
}

/** What happened, and how often. */
function noteText({ note, count, since, time }: Event): string {
  return count === 1 ? note : `${note} (${count} times in ${ageText(since, Date.parse(time))})`;
}

/** Events as one list, for programs. */
export function eventsText(events: readonly Event[], format: 'json' | 'yaml'): string {
  const list = { apiVersion: API_VERSION, kind: 'EventList', items: events };
  return format === 'json' ? printableJson(`${JSON.stringify(list, null, 2)}\n`) : yamlText(new Document(list));
}

/** Prints events one by one, as they come: a line each, or a JSON object or YAML document each. */
export class EventPrinter {
  readonly #output: Output;
  readonly #screen: Screen;
  readonly #format: Format;

  constructor(shell: Shell, format: Format) {
    this.#output = shell.stdout;
    this.#screen = new Screen(shell.stdout, shell);
    this.#format = format;
  }

  print(events: readonly Event[]): void {
    for (const event of events) this.#one(event);
  }

  #one(event: Event): void {
    if (this.#format === 'json') this.#output.write(printableJson(`${JSON.stringify(event)}\n`));
    else if (this.#format === 'yaml') this.#output.write(`---\n${yamlText(new Document(event))}`);
    else this.#line(event);
  }

  #line(event: Event): void {
    const { time, type, reason, regarding } = event;
    const text = `${timeOfDay(time)}  ${type.padEnd(7)}  ${reason.padEnd(16)}  ${refText(regarding)}: ${noteText(event)}`;
    this.#screen.line(text, type === 'Warning' ? 'bad' : 'plain');
    if (this.#format === 'wide' && event.askedBy !== undefined) {
      for (const asker of event.askedBy) this.#screen.line(`           asked by ${askerText(asker)}`, 'faint');
    }
  }
}
