import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConnectError, encodeFrame, FrameParser, XenstoreClient } from '../../../src/xenstore-client/index.ts';
import { socketOrDevice } from '../../../src/xenstore-client/open-transport.ts';
import { EventLog } from '../../daemons/event-log.ts';
import { FakeServer, obey } from './fake-server.ts';

let folder: string;
let device: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'transport-'));
  device = join(folder, 'xenbus');
  // What is written into a FIFO that is open both ways comes back out of it.
  execFileSync('mkfifo', [device]);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const NEVER = new AbortController().signal;

test('the device carries whole frames of 4096 bytes, header included, both ways', async () => {
  const payload = Buffer.alloc(4080, 'x');
  const chunks = new EventLog<Uint8Array>();
  const closed = new EventLog<Error>();
  const open = socketOrDevice(join(folder, 'none'), device);
  const transport = await open({ data: chunks.add, closed: closed.add }, NEVER);
  expect(transport.maxPayload).toBe(4080);
  for (const requestId of [1, 2]) transport.send(encodeFrame({ type: 11, requestId, transactionId: 0, payload }));
  const received = (): number => chunks.values.reduce((sum, chunk) => sum + chunk.length, 0);
  await chunks.until(() => received() === 2 * 4096);
  const frames = [...new FrameParser().push(Buffer.concat(chunks.values))];
  expect(frames.map(frame => frame.requestId)).toEqual([1, 2]);
  transport.close();
  await closed.until(() => true);
  expect(closed.values).toHaveLength(1);
});

test('a request that fits a socket but not the device is refused', async () => {
  const client = await XenstoreClient.connect({ socketPath: join(folder, 'none'), devicePath: device });
  await expect(client.write('/a', Buffer.alloc(4078))).rejects.toMatchObject({ name: 'InvalidRequestError' });
  await client.write('/a', Buffer.alloc(4077));
  await client.close();
});

test('the device is tried only after the socket', async () => {
  const server = await FakeServer.start(obey);
  const client = await XenstoreClient.connect({ socketPath: server.socketPath, devicePath: device });
  expect(await client.read('/a')).toBe('/a');
  await client.close();
  await server.stop();
});

test('a client that has used the socket does not turn to the device while xenstored is away', async () => {
  const server = await FakeServer.start(obey);
  const client = await XenstoreClient.connect({
    socketPath: server.socketPath,
    devicePath: device,
    backoff: { firstMs: 1, longestMs: 5 },
  });
  const causes = new EventLog<Error>();
  client.onDisconnect(causes.add);
  await server.halt();
  await causes.until(cause => cause instanceof ConnectError, 2);
  await server.listen();
  expect(await client.read('/a')).toBe('/a');
  await client.close();
  await server.stop();
});

test('says every path it tried', async () => {
  const attempt = XenstoreClient.connect({ socketPath: join(folder, 'none'), devicePath: join(folder, 'neither') });
  await expect(attempt).rejects.toThrow(/cannot reach xenstored: connect ENOENT .*none; ENOENT: .*neither/);
});
