import { createServer } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Happening, ref } from '../../../../src/daemon/events/event.ts';
import type { KeptEvents } from '../../../../src/daemon/events/event-file.ts';
import { followServedEvents, readServedEvents } from '../../../../src/daemon/events/served-events.ts';
import { served } from '../api/served.ts';
import { tempLayout } from '../temp-layout.ts';

const noted = (note: string): Happening => ({
  action: 'Bind',
  reason: 'StepFailed',
  type: 'Warning',
  regarding: ref('device', '0000:03:00.0'),
  related: [],
  note,
});

const notes = ({ events }: KeptEvents): string[] => events.map(({ note }) => note);

function follow(layout: Parameters<typeof followServedEvents>[0]) {
  const heard: string[] = [];
  const damage: string[] = [];
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const ended = followServedEvents(layout, ending.signal, fresh => {
    heard.push(...notes(fresh));
    damage.push(...fresh.damage);
  });
  return { heard, damage, ended, end: () => ending.abort() };
}

describe('events that the controller serves', () => {
  test('are those of its journal', async () => {
    const { journal, layout } = await served();
    journal.record(noted('one'));
    journal.record(noted('two\n\ndata: forged'));
    expect(notes(await readServedEvents(layout))).toEqual(['one', 'two\n\ndata: forged']);
  });

  test('are followed over a new start of the controller: none is lost, none comes twice', async () => {
    const first = await served();
    first.journal.record(noted('one'));
    const { heard, damage, ended, end } = follow(first.layout);
    await vi.waitFor(() => expect(heard).toEqual(['one']));
    first.journal.record(noted('two'));
    await vi.waitFor(() => expect(heard).toEqual(['one', 'two']));
    await first.close();
    const second = await served({}, first.layout);
    second.journal.record(noted('three'));
    await vi.waitFor(() => expect(heard).toEqual(['one', 'two', 'three']), { timeout: 20_000 });
    expect(damage).toEqual([]);
    end();
    await ended;
  });

  test('an error tells where no controller answers, or something else does', async () => {
    const layout = tempLayout();
    await expect(readServedEvents(layout)).rejects.toThrow(/ENOENT/);
    await expect(follow(layout).ended).rejects.toThrow(/ENOENT/);
    const { path, close } = await served({}, layout);
    await close();
    const server = createServer((_, response) => response.end('{"items":[{"id":0}]}'));
    await new Promise<void>(resolve => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    expect(await readServedEvents(layout)).toMatchObject({ events: [], damage: [expect.stringContaining('1 of 1')] });
  });
});
