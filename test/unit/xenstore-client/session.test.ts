import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  ClientClosedError,
  encodeFrame,
  encodeStrings,
  FrameParser,
  MessageType,
  type OpenTransport,
  type TransportEvents,
  XenstoreClient,
} from '../../../src/xenstore-client/index.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Every connection opened so far, the newest last. Each answers OK to whatever it is asked, and ends when told to. */
const connections: TransportEvents[] = [];

const transport: OpenTransport = async events => {
  const parser = new FrameParser();
  connections.push(events);
  return {
    maxPayload: 4096,
    inOrder: true,
    pipelined: true,
    send: frame => {
      for (const request of parser.push(frame)) {
        events.data(encodeFrame({ ...request, payload: encodeStrings('OK') }));
      }
    },
    close: () => events.closed(new Error('closed')),
  };
};

/** Ends the newest connection, and tells after how many ms the next one is opened. */
async function pause(): Promise<number> {
  const before = connections.length;
  connections.at(-1)?.closed(new Error('lost'));
  for (let ms = 0; ms < 1000; ms += 1) {
    await vi.advanceTimersByTimeAsync(1);
    if (connections.length > before) return ms + 1;
  }
  throw new Error('not opened within a second');
}

test('pauses double up to the longest, and start anew only once xenstored has answered', async () => {
  const client = await XenstoreClient.connect({ transport, backoff: { firstMs: 10, longestMs: 35 } });
  expect([await pause(), await pause(), await pause(), await pause()]).toEqual([10, 20, 35, 35]);
  await client.mkdir('/a');
  expect([await pause(), await pause()]).toEqual([10, 20]);
  await client.close();
});

test('a client that is closed in a pause opens nothing more', async () => {
  const client = await XenstoreClient.connect({ transport, backoff: { firstMs: 10, longestMs: 10 } });
  const before = connections.length;
  connections.at(-1)?.closed(new Error('lost'));
  await client.close();
  await vi.advanceTimersByTimeAsync(100);
  expect(connections).toHaveLength(before);
});

test('a connection that ends while it is being opened is not taken for a good one', async () => {
  let failures = 0;
  const stillborn: OpenTransport = async (events, signal) => {
    const opened = await transport(events, signal);
    if (connections.length % 2 === 0) return opened;
    failures += 1;
    events.data(Buffer.from('this is not a xenstore frame'.padEnd(64)));
    return opened;
  };
  connections.length = 1;
  const client = await XenstoreClient.connect({ transport: stillborn, backoff: { firstMs: 10, longestMs: 10 } });
  connections.at(-1)?.closed(new Error('lost'));
  const made = client.mkdir('/a');
  await vi.advanceTimersByTimeAsync(50);
  await made;
  expect(failures).toBe(1);
  await client.close();
});

test('closing waits until the transport is gone', async () => {
  let gone: () => void = () => {};
  const slow: OpenTransport = async events => ({
    maxPayload: 4096,
    inOrder: true,
    pipelined: true,
    send: () => {},
    close: () => {
      gone = (): void => events.closed(new Error('closed'));
    },
  });
  const client = await XenstoreClient.connect({ transport: slow });
  const order: string[] = [];
  const closing = client.close().then(() => order.push('closed'));
  await vi.advanceTimersByTimeAsync(10_000);
  order.push('gone');
  gone();
  await closing;
  expect(order).toEqual(['gone', 'closed']);
});

test('closing waits for an attempt to connect that is under way, and undoes it', async () => {
  const opening: (() => void)[] = [];
  const stubborn: OpenTransport = async (events, signal) => {
    if (connections.length > 0) await new Promise<void>(resolve => opening.push(resolve));
    return transport(events, signal);
  };
  connections.length = 0;
  const client = await XenstoreClient.connect({ transport: stubborn, backoff: { firstMs: 10, longestMs: 10 } });
  connections.at(-1)?.closed(new Error('lost'));
  await vi.advanceTimersByTimeAsync(10);
  const order: string[] = [];
  const closing = client.close().then(() => order.push('closed'));
  await vi.advanceTimersByTimeAsync(10_000);
  order.push('opened');
  expect(opening).toHaveLength(1);
  opening[0]?.();
  await closing;
  expect(order).toEqual(['opened', 'closed']);
  await expect(client.read('/a')).rejects.toBeInstanceOf(ClientClosedError);
});

test('a frame in pieces is no silence, once it is complete', async () => {
  const client = await XenstoreClient.connect({ transport, deadlineMs: 10 });
  const before = connections.length;
  const event = { type: MessageType.WatchEvent, requestId: 0, transactionId: 0, payload: encodeStrings('/a', 'w1') };
  const bytes = encodeFrame(event);
  connections.at(-1)?.data(bytes.subarray(0, 3));
  await vi.advanceTimersByTimeAsync(9);
  connections.at(-1)?.data(bytes.subarray(3));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(connections).toHaveLength(before);
  await client.close();
});
