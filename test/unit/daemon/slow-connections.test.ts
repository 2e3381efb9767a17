import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { closed, json, listenOnLoopback, readOnlyServer } from '../../../src/daemon/read-only-server.ts';
import { hungUp } from '../../hung-up.ts';

const REQUEST = 'GET / HTTP/1.1\r\nhost: xenpci\r\n\r\n';
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A client of a server that waits 100 ms for a request and answers it, or with `/never` takes it and says nothing. */
async function client(): Promise<Socket> {
  const handle = async ({ path }: { path: readonly string[] }) => (path[0] === 'never' ? undefined : json(200, {}));
  const server = readOnlyServer(handle, () => undefined, 100);
  const port = await listenOnLoopback(server, 0);
  const socket = createConnection({ host: '127.0.0.1', port });
  // A server that has hung up answers what comes after it with a reset.
  socket.on('error', () => undefined).resume();
  ends.push(async () => {
    socket.destroy();
    await closed(server);
  });
  await once(socket, 'connect');
  return socket;
}

describe('a connection is ended', () => {
  test('when nothing is asked', async () => {
    await hungUp(await client());
  });

  test('when the request never comes to its end, however much is sent', async () => {
    const socket = await client();
    socket.write('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => socket.write('x: y\r\n'), 10);
    await hungUp(socket);
    clearInterval(drip);
  });

  test('when the next request never comes to its end, after the first was answered', async () => {
    const socket = await client();
    socket.write(REQUEST);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toContain('200 OK');
    const drip = setInterval(() => socket.write('G'), 10);
    await hungUp(socket);
    clearInterval(drip);
  });
});

test('a connection whose request is still being answered is left alone, also by an earlier one on it', async () => {
  const socket = await client();
  let isClosed = false;
  socket.once('close', () => {
    isClosed = true;
  });
  socket.write(REQUEST);
  socket.write('GET /never HTTP/1.1\r\nhost: xenpci\r\n\r\n');
  // Another one, begun later, has been ended meanwhile.
  await hungUp(await client());
  await hungUp(await client());
  expect(isClosed).toBe(false);
});
