import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeFrame,
  encodeStrings,
  type Frame,
  FrameParser,
  MessageType,
  type OpenTransport,
  type TransportEvents,
  XenstoreClient,
} from '../../../src/xenstore-client/index.ts';

/** The kernel's device, where two requests side by side can stop all of dom0: see device-transport.ts. */
class Device {
  /** What xenstored has not answered yet. */
  readonly waiting: Frame[] = [];
  /** Every request that was sent beside another one, by its type. */
  readonly beside: number[] = [];
  readonly seen: number[] = [];
  opened = 0;
  #events: TransportEvents | undefined;

  readonly open: OpenTransport = async events => {
    const parser = new FrameParser();
    this.opened += 1;
    this.#events = events;
    return {
      maxPayload: 4080,
      inOrder: false,
      pipelined: false,
      send: frame => {
        for (const request of parser.push(frame)) this.#take(request);
      },
      close: () => {
        this.waiting.splice(0);
        events.closed(new Error('closed'));
      },
    };
  };

  #take(request: Frame): void {
    this.seen.push(request.type);
    if (this.waiting.length > 0) this.beside.push(request.type);
    this.waiting.push(request);
  }

  /** xenstored answers. */
  answer(text = 'OK'): void {
    const request = this.waiting.shift();
    if (request !== undefined) this.#events?.data(encodeFrame({ ...request, payload: encodeStrings(text) }));
  }
}

/** Lets xenstored answer until nothing is under way. */
async function untilDone(device: Device, work: Promise<unknown>): Promise<void> {
  let done = false;
  const ended = work.finally(() => {
    done = true;
  });
  while (!done) {
    device.answer();
    await new Promise(resolve => setImmediate(resolve));
  }
  await ended;
}

test('whatever is asked goes out only when all before it has its answer, and all of it gets one', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('write', 'watch', 'brief'), { minLength: 1, maxLength: 30 }),
      fc.constantFrom(1, 2, 128),
      async (calls, window) => {
        const device = new Device();
        const client = await XenstoreClient.connect({ transport: device.open, window });
        const work = calls.map(async call => {
          if (call === 'write') return client.write('/a', '1');
          const watch = await client.watch('/a', () => {});
          if (call === 'brief') await watch.close();
        });
        await untilDone(device, Promise.all(work));
        expect(device.beside).toEqual([]);
        expect(device.seen).toHaveLength(calls.length + calls.filter(call => call === 'brief').length);
        await client.close();
      },
    ),
  );
});

test('a request that is never answered does not hold up the others for ever: a new connection has them', async () => {
  const device = new Device();
  const client = await XenstoreClient.connect({
    transport: device.open,
    deadlineMs: 20,
    backoff: { firstMs: 1, longestMs: 1 },
  });
  await expect(client.write('/a', '1')).rejects.toMatchObject({ name: 'DeadlineError' });
  const watching = client.watch('/a', () => {}, { deadlineMs: 60_000 });
  await untilDone(device, watching);
  expect(device.opened).toBe(2);
  await client.close();
});

test('a late answer that has to be undone does not cost the connection, and what waits goes first', async () => {
  const device = new Device();
  const client = await XenstoreClient.connect({ transport: device.open });
  const late = client.transaction(async () => undefined, { deadlineMs: 10 });
  const waiting = client.write('/a', '1');
  await expect(late).rejects.toMatchObject({ name: 'DeadlineError' });
  device.answer('7');
  await untilDone(device, waiting);
  await untilDone(device, client.write('/a', '2'));
  expect(device.seen).toEqual([
    MessageType.TransactionStart,
    MessageType.Write,
    MessageType.TransactionEnd,
    MessageType.Write,
  ]);
  expect(device.opened).toBe(1);
  await client.close();
});
