import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Dom0Layout } from '../../../../src/api/layout.ts';
import { concerns, type Happening, parseRef, ref, withoutRepeats } from '../../../../src/daemon/events/event.ts';
import { readEvents } from '../../../../src/daemon/events/event-file.ts';
import { Journal } from '../../../../src/daemon/events/journal.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { tempLayout } from '../temp-layout.ts';

const HAPPENING: Happening = {
  action: 'Bind',
  reason: 'StepFailed',
  type: 'Warning',
  regarding: ref('device', '0000:03:00.0'),
  related: [ref('assignment', 'web')],
  note: 'bind 0000:03:00.0 to pciback: refused',
  askedBy: [{ assignment: 'web', entry: 'lan', file: '/m/web.yaml', line: 9, hash: 'abc' }],
};

function opened(layout: Dom0Layout = tempLayout(), clock = new FakeClock()) {
  const problems: string[] = [];
  const open = (): Promise<Journal> =>
    Journal.open(layout, { now: () => clock.now(), onProblem: message => problems.push(message) });
  const file = join(layout.state, 'events.jsonl');
  return { layout, clock, problems, open, file };
}

const noted = (note: string): Happening => ({ ...HAPPENING, note });

describe('the journal', () => {
  test('goes on after a restart: what happened, and the count', async () => {
    const { open, problems } = opened();
    const first = await open();
    const recorded = first.record(HAPPENING);
    await first.close();
    const second = await open();
    expect(second.events).toEqual([recorded]);
    expect(second.record(noted('other')).id).toBe(recorded.id + 1);
    await second.close();
    expect(problems).toEqual([]);
  });

  test('counts what repeats within an hour, also over a restart and with others in between', async () => {
    const { open, clock } = opened();
    const first = await open();
    const begun = first.record(HAPPENING);
    first.record(noted('other'));
    await first.close();
    await clock.advance(300_000);
    const second = await open();
    const repeat = second.record(HAPPENING);
    expect([repeat.count, repeat.first, repeat.since]).toEqual([2, begun.id, begun.time]);
    expect(withoutRepeats(second.events).map(({ note, count }) => [note, count])).toEqual([
      ['other', 1],
      [HAPPENING.note, 2],
    ]);
    await clock.advance(3_600_000);
    expect(second.record(HAPPENING).count).toBe(1);
    await second.close();
  });

  test('a line that a crash cut off is left out and told of, and spoils no other', async () => {
    const { open, problems, file } = opened();
    const first = await open();
    first.record(noted('one'));
    await first.close();
    appendFileSync(file, '{"id":2,"time":"2026-');
    const second = await open();
    expect(problems).toEqual([`${file}: 1 of 2 lines are no events and are left out`]);
    second.record(noted('two'));
    await second.close();
    expect((await open()).events.map(({ note }) => note)).toEqual(['one', 'two']);
  });

  test('a file that is no journal begins anew and is told of', async () => {
    const { open, problems, file, layout } = opened();
    mkdirSync(layout.state, { recursive: true });
    writeFileSync(file, `${'x'.repeat(3_000_000)}`);
    const journal = await open();
    expect(journal.events).toEqual([]);
    expect(problems).toHaveLength(1);
    journal.record(noted('one'));
    await journal.close();
    expect((await open()).events.map(({ note }) => note)).toEqual(['one']);
  });

  test('the files have a bound, and the last events are kept over it', async () => {
    const { open, layout, file } = opened();
    const journal = await open();
    // Each line some 1.3 kB long: several files' worth.
    for (let batch = 0; batch < 40; batch++) {
      for (let one = 0; one < 100; one++) journal.record(noted(`${batch}.${one} ${'y'.repeat(2000)}`));
      await new Promise(resolve => setImmediate(resolve));
    }
    await journal.close();
    expect(statSync(file).size).toBeLessThan(2 * 1024 * 1024);
    expect(existsSync(join(layout.state, 'events.1.jsonl'))).toBe(true);
    const { events, damage } = await readEvents(layout);
    expect([damage, events.at(-1)?.note.slice(0, 6), events.at(-1)?.id]).toEqual([[], '39.99 ', 4000]);
    expect(journal.events.length).toBe(2000);
  });

  test('a folder that cannot be written is told of once, and what happens is still heard of', async () => {
    const { open, problems, layout } = opened();
    const journal = await open();
    rmSync(layout.state, { recursive: true, force: true });
    mkdirSync(join(layout.state, '..'), { recursive: true });
    writeFileSync(layout.state, 'no folder');
    const heard: string[] = [];
    journal.onSettled(() => heard.push(journal.settled.at(-1)?.note ?? ''));
    journal.record(noted('one'));
    await journal.close();
    journal.record(noted('two'));
    await journal.close();
    expect(heard).toEqual(['one']);
    expect(problems.length).toBe(1);
    expect(problems[0]).toMatch(/^events cannot be written, and are lost: /);
    expect(journal.events.map(({ note }) => note)).toEqual(['one', 'two']);
  });

  test('hostile names stay one line, and no longer than there is room', async () => {
    const { open, file } = opened();
    const journal = await open();
    const name = `a\n\u001b[31m{"id":7}\ud800${'z'.repeat(5000)}`;
    journal.record({ ...HAPPENING, regarding: ref('domain', name), note: name });
    await journal.close();
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(1);
    const [event] = (await open()).events;
    expect(event?.regarding.name.startsWith('a\n\u001b[31m')).toBe(true);
    expect(event?.note.length).toBe(1024);
  });
});

describe('objects', () => {
  test('are read as they are written on the command line', () => {
    expect(parseRef('device/0000:03:00.0')).toEqual({ kind: 'PCIDevice', name: '0000:03:00.0' });
    expect(parseRef('manifest//m/a.yaml')).toEqual({ kind: 'Manifest', name: '/m/a.yaml' });
    expect(['device', 'device/', 'pod/x', 'toString/x', ''].map(parseRef)).toEqual(Array(5).fill(undefined));
  });

  test('concern an event that is about them, or has to do with them', () => {
    const event = { ...HAPPENING, id: 1, time: '', count: 1, since: '', first: 1 };
    expect(
      [ref('device', '0000:03:00.0'), ref('assignment', 'web'), ref('assignment', 'x')].map(r => concerns(event, r)),
    ).toEqual([true, true, false]);
  });
});
