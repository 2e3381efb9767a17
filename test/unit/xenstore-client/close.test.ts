import { expect, test } from 'vitest';
import { encodeFrame, encodeStrings, MessageType, XenstoreClient } from '../../../src/xenstore-client/index.ts';
import { EventLog } from '../../daemons/event-log.ts';
import { FakeServer, obey } from './fake-server.ts';

/** Open sockets and armed timers of this process. The file has one test, so nobody else's are among them. */
function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter(resource => resource === 'Timeout' || resource.startsWith('Pipe'))
    .sort();
}

/** What is there now and was not before. A timer of the test's runner may end meanwhile. */
function added(before: readonly string[]): string[] {
  const left = [...before];
  return resources().filter(resource => {
    const at = left.indexOf(resource);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

test('closing leaves no timer and no socket, in whatever state the client is', async () => {
  const before = resources();
  const server = await FakeServer.start(obey);
  const { socketPath } = server;

  const idle = await XenstoreClient.connect({ socketPath });
  await idle.watch('/a', () => {});
  await idle.close();

  const busy = await XenstoreClient.connect({ socketPath, window: 1 });
  server.answer = () => {};
  const abandoned = Promise.allSettled([busy.read('/sent'), busy.read('/queued')]);
  await busy.close();

  server.answer = obey;
  const inFrame = await XenstoreClient.connect({ socketPath });
  const events = new EventLog<unknown>();
  await inFrame.watch('/a', events.add);
  await events.until(() => true);
  const event = { type: MessageType.WatchEvent, requestId: 0, transactionId: 0, payload: encodeStrings('/a', 'w1') };
  server.peers.at(-1)?.socket.write(Buffer.concat([encodeFrame(event), Buffer.alloc(3)]));
  await events.until(() => true, 2);
  await inFrame.close();

  const lost = await XenstoreClient.connect({ socketPath });
  const disconnected = new Promise<void>(resolve => {
    lost.onDisconnect(() => resolve());
  });
  await server.stop();
  await disconnected;
  const waiting = Promise.allSettled([lost.read('/a')]);
  await lost.close();

  await Promise.all([abandoned, waiting]);
  expect(added(before)).toEqual([]);
});
