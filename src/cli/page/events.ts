import type { Dom0Layout } from '../../api/layout.ts';
import { type Event, withoutRepeats } from '../../daemon/events/event.ts';
import type { PageEvent, Tone } from '../../daemon/page/state.ts';
import { pastEvents } from '../events/followed.ts';

/** More than anybody reads, and little enough for a page. */
const SHOWN_MAX = 500;

/** The last events of a host for the page, the latest first; none where no controller has kept any. */
export async function pageEvents(layout: Dom0Layout): Promise<PageEvent[]> {
  const { events } = await pastEvents(layout);
  return withoutRepeats(events).slice(-SHOWN_MAX).reverse().map(pageEvent);
}

/** One event as the page has it. */
export function pageEvent(event: Event): PageEvent {
  const { time, reason, regarding, note, count } = event;
  const text = count === 1 ? note : `${note} (${count} times)`;
  return { time, tone: toneOf(event), reason, regarding: regarding.name, note: text };
}

function toneOf({ type, action, reason }: Event): Tone {
  if (action === 'Refuse') return 'refused';
  if (action === 'Wait' && type === 'Warning') return 'waiting';
  if (type === 'Warning') return 'failed';
  return reason === 'StepPerformed' || reason === 'InPlace' || reason === 'Prepared' ? 'ready' : 'idle';
}
