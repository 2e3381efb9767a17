import { readFileSync } from 'node:fs';
import { request as ask, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { streamEvents } from '../../../../src/daemon/api/event-stream.ts';
import { type Happening, ref } from '../../../../src/daemon/events/event.ts';
import { readOnlyServer } from '../../../../src/daemon/read-only-server.ts';
import { served } from './served.ts';

const noted = (note: string, device = '0000:03:00.0'): Happening => ({
  action: 'Bind',
  reason: 'StepFailed',
  type: 'Warning',
  regarding: ref('device', device),
  related: [],
  note,
});

/** Follows the events. @returns what came so far, once it is read. */
async function follow(socketPath: string, url = '/v1/events', headers: Record<string, string> = {}) {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = ask(
      { socketPath, path: url, headers: { accept: 'text/event-stream', ...headers }, agent: false },
      resolve,
    );
    sent.once('error', reject);
    sent.end();
    onTestFinished(() => void sent.destroy());
  });
  let text = '';
  message.on('error', () => undefined);
  return {
    message,
    read: () =>
      message.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      }),
    notes: () =>
      [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => (JSON.parse(data) as { note: string }).note),
    text: () => text,
  };
}

describe('events as a stream', () => {
  test('come as they happen, each with its id, on one line whatever is in it', async () => {
    const { journal, path } = await served();
    journal.record(noted('before'));
    const stream = await follow(path);
    stream.read();
    expect(stream.message.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const { id } = journal.record(noted('a\n\ndata: forged\r\u001b[2J'));
    await vi.waitFor(() => expect(stream.notes()).toEqual(['a\n\ndata: forged\r\u001b[2J']));
    expect(stream.text()).toContain(`id: ${id}\ndata: {`);
  });

  test('go on where a reader was, by Last-Event-ID; from the beginning when that is of another journal', async () => {
    const { journal, path } = await served();
    const { id } = journal.record(noted('one'));
    journal.record(noted('two'));
    const later = await follow(path, '/v1/events', { 'last-event-id': String(id) });
    later.read();
    await vi.waitFor(() => expect(later.notes()).toEqual(['two']));
    const lost = await follow(path, '/v1/events?after=99');
    lost.read();
    await vi.waitFor(() => expect(lost.notes()).toEqual(['one', 'two']));
  });

  test('from a place that the journal no longer has go on with what there is', async () => {
    const { journal, path } = await served();
    for (let one = 1; one <= 2010; one++) journal.record(noted(String(one)));
    await vi.waitFor(() => expect(journal.settled).toHaveLength(2000), { timeout: 20_000 });
    const stream = await follow(path, '/v1/events', { 'last-event-id': '3' });
    stream.read();
    await vi.waitFor(() => expect(stream.notes()).toHaveLength(2000), { timeout: 20_000 });
    expect([stream.notes()[0], stream.notes().at(-1)]).toEqual(['11', '2010']);
  });

  test('are not told before they are on disk, where a restart finds the next id', async () => {
    const { journal, path, layout } = await served();
    const stream = await follow(path);
    stream.read();
    journal.record(noted('kept'));
    expect(journal.settled).toEqual([]);
    await vi.waitFor(() => expect(stream.notes()).toEqual(['kept']));
    const file = readFileSync(join(layout.state, 'events.jsonl'), 'utf8');
    expect((JSON.parse(file) as { note: string }).note).toBe('kept');
  });

  test('may be those of one object alone', async () => {
    const { journal, path } = await served();
    const stream = await follow(path, '/v1/events?for=device/0000:04:00.0');
    stream.read();
    journal.record(noted('other'));
    journal.record(noted('mine', '0000:04:00.0'));
    await vi.waitFor(() => expect(stream.notes()).toEqual(['mine']));
  });

  test('an id that is none is refused', async () => {
    const { get } = await served();
    const headers = { accept: 'text/event-stream', 'last-event-id': 'x' };
    expect((await get('/v1/events', { headers })).code).toBe(400);
  });

  test('are followed by so many at once, and no more', async () => {
    const { path, get } = await served();
    const streams = await Promise.all(Array.from({ length: 16 }, () => follow(path)));
    const headers = { accept: 'text/event-stream' };
    expect((await get('/v1/events', { headers })).code).toBe(503);
    expect((await get('/healthz')).code).toBe(200);
    streams[0]?.message.destroy();
    await vi.waitFor(async () => {
      const again = await follow(path);
      expect(again.message.statusCode).toBe(200);
    });
  });

  test('one who does not read is cut off, and others hear all', async () => {
    const { journal, layout } = await served();
    const path = `${layout.runtime}/slow.sock`;
    const responses: object[] = [];
    const cut = new Set<number>();
    const server = readOnlyServer(
      (_, response) => {
        const index = responses.push(response) - 1;
        response.once('close', () => cut.add(index));
        streamEvents(journal, response, { after: undefined, wanted: () => true, slowMs: 2_000 });
        return undefined;
      },
      () => undefined,
    );
    await new Promise<void>(resolve => server.listen(path, resolve));
    onTestFinished(() => void server.close().closeAllConnections());
    await follow(path);
    const good = await follow(path);
    good.read();
    // More than the kernel keeps for one who does not read, and less than the journal has.
    const count = 1000;
    for (let one = 0; one < count; one++) journal.record(noted(`${one} ${'x'.repeat(900)}`));
    await vi.waitFor(() => expect([...cut]).toEqual([0]), { timeout: 20_000 });
    await vi.waitFor(() => expect(good.notes()).toHaveLength(count), { timeout: 20_000 });
    expect([...cut]).toEqual([0]);
  });
});
