import { expect, test } from 'vitest';
import { pageEvent } from '../../../src/cli/page/events.ts';
import { type Event, ref } from '../../../src/daemon/events/event.ts';

const EVENT: Event = {
  id: 1,
  time: '2026-11-24T12:00:00.000Z',
  action: 'Bind',
  reason: 'StepPerformed',
  type: 'Normal',
  regarding: ref('device', '0000:03:00.0'),
  related: [],
  note: 'bind 0000:03:00.0 to pciback',
  count: 1,
  since: '2026-11-24T12:00:00.000Z',
  first: 1,
};

test('the colour of an event says how it went, and the note how often', () => {
  const tones = [
    EVENT,
    { ...EVENT, type: 'Warning' as const, reason: 'StepFailed' },
    { ...EVENT, type: 'Warning' as const, action: 'Wait', reason: 'NeedsRestart' },
    { ...EVENT, type: 'Warning' as const, action: 'Refuse', reason: 'NoReset' },
    { ...EVENT, action: 'Wait', reason: 'WaitEnded' },
    { ...EVENT, action: 'Judge', reason: 'InPlace' },
  ].map(event => pageEvent(event).tone);
  expect(tones).toEqual(['ready', 'failed', 'waiting', 'refused', 'idle', 'ready']);
  expect(pageEvent({ ...EVENT, count: 3 })).toEqual({
    time: EVENT.time,
    tone: 'ready',
    reason: 'StepPerformed',
    regarding: '0000:03:00.0',
    note: 'bind 0000:03:00.0 to pciback (3 times)',
  });
});
