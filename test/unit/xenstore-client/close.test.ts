import { expect, test } from 'vitest';
import { XenstoreClient } from '../../../src/xenstore-client/index.ts';
import { FakeServer, obey } from './fake-server.ts';

/** Open sockets and armed timers of this process. The file has one test, so nobody else's are among them. */
function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter(resource => resource === 'Timeout' || resource.startsWith('Pipe'))
    .sort();
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

  const inFrame = await XenstoreClient.connect({ socketPath });
  const begun = new Promise<void>(resolve => {
    server.answer = (_request, peer) => peer.socket.write(Buffer.alloc(3), () => resolve());
  });
  const halfAnswered = Promise.allSettled([inFrame.read('/a')]);
  await begun;
  await inFrame.close();

  const lost = await XenstoreClient.connect({ socketPath });
  const disconnected = new Promise<void>(resolve => {
    lost.onDisconnect(() => resolve());
  });
  await server.stop();
  await disconnected;
  const waiting = Promise.allSettled([lost.read('/a')]);
  await lost.close();

  await Promise.all([abandoned, halfAnswered, waiting]);
  expect(resources()).toEqual(before);
});
