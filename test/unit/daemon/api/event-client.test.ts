import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { listedEvents } from '../../../../src/daemon/api/event-client.ts';
import { socketPath } from '../../../../src/daemon/api/socket-file.ts';
import { ref } from '../../../../src/daemon/events/event.ts';
import { tempLayout } from '../temp-layout.ts';
import { served } from './served.ts';

test('the events of a controller are those of its journal', async () => {
  const { journal, layout } = await served();
  const about = { action: 'Bind', reason: 'StepFailed', type: 'Warning', related: [] } as const;
  journal.record({ ...about, regarding: ref('device', '0000:03:00.0'), note: 'two\n\ndata: forged' });
  const { events, damage } = await listedEvents(layout);
  expect([events.map(({ note }) => note), damage]).toEqual([['two\n\ndata: forged'], []]);
});

test('what cannot be read of them is told', async () => {
  const layout = tempLayout();
  mkdirSync(dirname(socketPath(layout)), { recursive: true });
  const server = createServer((_, response) => response.end('{"items":[{"id":0}]}'));
  await new Promise<void>(resolve => server.listen(socketPath(layout), resolve));
  onTestFinished(() => void server.close());
  expect(await listedEvents(layout)).toEqual({ events: [], damage: [expect.stringContaining('1 of 1')] });
});
