import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  encodeFrame,
  encodeStrings,
  type Frame,
  MessageType,
  XenstoreClient,
} from '../../../src/xenstore-client/index.ts';
import { FakeServer, obey, type Peer } from './fake-server.ts';

/*
 * A server whose answers are damaged. Whatever it sends, every request must settle, within its deadline at the latest,
 * and the client must be usable as soon as the server behaves again.
 */
let server: FakeServer;

beforeAll(async () => {
  server = await FakeServer.start(obey);
});

afterAll(async () => {
  await server.stop();
});

type Damage = (good: Buffer) => Buffer[];

const flippedBit = fc.tuple(fc.nat(), fc.nat(7)).map(
  ([position, bit]): Damage =>
    good => {
      const damaged = Buffer.from(good);
      const at = position % good.length;
      damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
      return [damaged];
    },
);
const truncated = fc.nat().map(
  (length): Damage =>
    good => [good.subarray(0, length % good.length)],
);
const split = fc.nat().map(
  (position): Damage =>
    good => {
      const at = position % good.length;
      return [good.subarray(0, at), good.subarray(at)];
    },
);
const doubled = fc.constant<Damage>(good => [good, good]);
const overwritten = fc.tuple(fc.constantFrom(0, 4, 8, 12), fc.nat(0xffffffff)).map(
  ([offset, value]): Damage =>
    good => {
      const damaged = Buffer.from(good);
      damaged.writeUInt32LE(value, offset);
      return [damaged];
    },
);
const replaced = fc.uint8Array({ maxLength: 64 }).map(
  (bytes): Damage =>
    () => [Buffer.from(bytes)],
);
const damages = fc.array(fc.oneof(flippedBit, truncated, split, doubled, overwritten, replaced), { maxLength: 8 });

function goodAnswer(request: Frame): Buffer {
  const payloads = new Map<number, Buffer>([
    [MessageType.Directory, encodeStrings('a', 'b')],
    [MessageType.GetPermissions, encodeStrings('n0', 'r7')],
    [MessageType.TransactionStart, encodeStrings('7')],
  ]);
  return encodeFrame({ ...request, payload: payloads.get(request.type) ?? encodeStrings('OK') });
}

/** Resolves when the client works again. What is still damaged on its connection may cost it a few requests. */
async function recovery(client: XenstoreClient): Promise<void> {
  for (;;) {
    const [result] = await Promise.allSettled([client.read('/usable')]);
    if (result?.status === 'fulfilled' && result.value === '/usable') return;
  }
}

test('settles every request, whatever the answers look like', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(damages, async damage => {
      const remaining = [...damage];
      server.answer = (request: Frame, peer: Peer): void => {
        const harm = remaining.shift();
        const pieces = harm ? harm(goodAnswer(request)) : [goodAnswer(request)];
        for (const piece of pieces) peer.socket.write(piece);
      };
      const client = await XenstoreClient.connect({
        socketPath: server.socketPath,
        deadlineMs: 20,
        connectMs: 10_000,
        backoff: { firstMs: 0, longestMs: 1 },
      });
      const settled = await Promise.allSettled([
        client.read('/a'),
        client.directory('/a'),
        client.getPermissions('/a'),
        client.watch('/a', () => {}),
        client.write('/a', 'x'),
        client.transaction(transaction => transaction.mkdir('/b')),
      ]);
      for (const result of settled) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(Error);
      }
      server.answer = obey;
      await recovery(client);
      await client.close();
    }),
    { numRuns: 150 },
  );
});

test('settles every request when the connection ends after any number of bytes', async () => {
  const whole = goodAnswer({ type: MessageType.Read, requestId: 1, transactionId: 0, payload: Buffer.alloc(0) });
  for (let length = 0; length < whole.length; length += 1) {
    server.answer = (_request, peer) => peer.socket.end(whole.subarray(0, length));
    const client = await XenstoreClient.connect({ socketPath: server.socketPath });
    await expect(client.read('/a'), `${length} bytes`).rejects.toMatchObject({ name: 'ConnectionLostError' });
    await client.close();
  }
});
