import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ClientClosedError,
  ConnectionLostError,
  DeadlineError,
  encodeFrame,
  encodeStrings,
  type Frame,
  InvalidRequestError,
  MessageType,
  ProtocolError,
  QueueFullError,
  XenstoreClient,
  type XenstoreClientOptions,
} from '../../../src/xenstore-client/index.ts';
import { EventLog } from '../../daemons/event-log.ts';
import { FakeServer, obey, type Peer } from './fake-server.ts';

let server: FakeServer;
const clients: XenstoreClient[] = [];

beforeEach(async () => {
  server = await FakeServer.start(obey);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map(client => client.close()));
  await server.stop();
});

async function connect(options: XenstoreClientOptions = {}): Promise<XenstoreClient> {
  const client = await XenstoreClient.connect({
    socketPath: server.socketPath,
    devicePath: '/nonexistent',
    connectMs: 10_000,
    backoff: { firstMs: 1, longestMs: 5 },
    ...options,
  });
  clients.push(client);
  return client;
}

/** Answers nothing by itself; hands each request to the test. */
function hold(): EventLog<{ request: Frame; peer: Peer }> {
  const held = new EventLog<{ request: Frame; peer: Peer }>();
  server.answer = (request, peer) => held.add({ request, peer });
  return held;
}

describe('matching', () => {
  test('gives each request its own answer, in whatever order they come', async () => {
    const client = await connect();
    const held = hold();
    const values = Promise.all(['/a', '/b', '/c'].map(path => client.read(path)));
    await held.until(() => true, 3);
    for (const { request, peer } of held.values.toReversed()) obey(request, peer);
    expect(await values).toEqual(['/a', '/b', '/c']);
  });

  test('keeps the window, and lets the next one in for each answer', async () => {
    const client = await connect({ window: 2 });
    const held = hold();
    const values = Promise.all(['/a', '/b', '/c', '/d'].map(path => client.read(path)));
    await held.until(() => true, 2);
    expect(server.requests).toHaveLength(2);
    const [first] = held.values;
    if (first) obey(first.request, first.peer);
    await held.until(() => true, 3);
    expect(server.requests).toHaveLength(3);
    server.answer = obey;
    for (const { request, peer } of held.values.slice(1)) obey(request, peer);
    expect(await values).toEqual(['/a', '/b', '/c', '/d']);
  });

  test('lets nobody overtake those that wait for the window', async () => {
    const client = await connect({ window: 4 });
    const held = hold();
    const paths = ['/a', '/b', '/c', '/d', '/e', '/f'];
    const values = paths.map(path => client.read(path));
    await held.until(() => true, 4);
    const [first, ...others] = held.values;
    if (first) obey(first.request, first.peer);
    await values[0];
    const late = client.read('/late');
    server.answer = obey;
    for (const { request, peer } of others) obey(request, peer);
    expect(await Promise.all([...values, late])).toEqual([...paths, '/late']);
    expect(server.requests.map(({ payload }) => payload.toString())).toEqual(
      [...paths, '/late'].map(path => `${path}\0`),
    );
  });

  test('never sends what was given up before its turn', async () => {
    const client = await connect({ window: 1 });
    const held = hold();
    const first = client.read('/first');
    await expect(client.write('/second', '1', { deadlineMs: 1 })).rejects.toBeInstanceOf(DeadlineError);
    await held.until(() => true);
    server.answer = obey;
    for (const { request, peer } of held.values) obey(request, peer);
    await first;
    await client.read('/third');
    expect(server.requests.map(request => request.type)).toEqual([MessageType.Read, MessageType.Read]);
  });

  test('refuses more than may wait', async () => {
    const client = await connect({ window: 1, maxQueued: 1 });
    const held = hold();
    const first = client.read('/a');
    const second = client.read('/b');
    await expect(client.read('/c')).rejects.toBeInstanceOf(QueueFullError);
    await held.until(() => true);
    server.answer = obey;
    for (const { request, peer } of held.values) obey(request, peer);
    expect(await Promise.all([first, second])).toEqual(['/a', '/b']);
  });

  test('names xenstore errors', async () => {
    const client = await connect();
    server.answer = (request, peer) => peer.refuse(request, 'EQUOTA');
    await expect(client.write('/a', '1')).rejects.toMatchObject({
      name: 'XenstoreError',
      code: 'EQUOTA',
      operation: 'write',
      path: '/a',
      message: 'xenstore: write "/a": EQUOTA',
    });
  });

  test('keeps what may not be sent from the wire', async () => {
    const client = await connect();
    await expect(client.read('/a//b')).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(client.write('/a', Buffer.alloc(4094))).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(client.setPermissions('/a', [])).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(client.setPermissions('/a', [{ domid: 65536, access: 'read' }])).rejects.toThrow(/65536/);
    await expect(client.getDomainPath(-1)).rejects.toThrow(/-1/);
    await expect(client.watch('/a b', () => {})).rejects.toBeInstanceOf(InvalidRequestError);
    expect(server.requests).toEqual([]);
    await client.write('/a', Buffer.alloc(4093));
    expect(server.requests[0]?.payload).toHaveLength(4096);
  });
});

describe('giving up', () => {
  test('at the deadline of the request or of the client', async () => {
    const client = await connect({ deadlineMs: 5 });
    hold();
    await expect(client.read('/a')).rejects.toMatchObject({ name: 'DeadlineError', deadlineMs: 5, path: '/a' });
    await expect(client.read('/a', { deadlineMs: 1 })).rejects.toMatchObject({ deadlineMs: 1 });
  });

  test('by its signal, before and after sending', async () => {
    const client = await connect();
    const held = hold();
    const controller = new AbortController();
    const reading = client.read('/a', { signal: controller.signal });
    await held.until(() => true);
    controller.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await expect(client.read('/b', { signal: controller.signal })).rejects.toThrow('enough');
    expect(server.requests).toHaveLength(1);
  });

  test('not before a deadline that is longer than a timer can be', async () => {
    const endless = Number.POSITIVE_INFINITY;
    const client = await connect({ deadlineMs: endless, connectMs: endless });
    expect(await client.read('/a')).toBe('/a');
  });

  test('leaves nothing on the signal, which may live long', async () => {
    const client = await connect();
    const { signal } = new AbortController();
    await client.read('/a', { signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('does not mistake a late answer for a wrong one', async () => {
    const client = await connect();
    const held = hold();
    await expect(client.read('/late', { deadlineMs: 1 })).rejects.toBeInstanceOf(DeadlineError);
    await held.until(() => true);
    server.answer = obey;
    for (const { request, peer } of held.values) obey(request, peer);
    expect(await client.read('/next')).toBe('/next');
    expect(server.peers).toHaveLength(1);
  });

  test('ends a transaction that was started too late, and takes down such a watch', async () => {
    const client = await connect();
    const held = hold();
    await expect(client.transaction(async () => {}, { deadlineMs: 1 })).rejects.toBeInstanceOf(DeadlineError);
    await expect(client.watch('/a', () => {}, { deadlineMs: 1 })).rejects.toBeInstanceOf(DeadlineError);
    await held.until(() => true, 2);
    const late = held.values.splice(0);
    for (const { request, peer } of late) obey(request, peer);
    await held.until(({ request }) => request.type === MessageType.Unwatch);
    const ended = held.values.find(({ request }) => request.type === MessageType.TransactionEnd)?.request;
    expect(ended).toMatchObject({ transactionId: 7, payload: Buffer.from('F\0') });
  });
});

describe('a peer that falls silent', () => {
  test('in the middle of a frame loses its connection', async () => {
    const client = await connect({ deadlineMs: 10 });
    const causes = new EventLog<Error>();
    client.onDisconnect(causes.add);
    server.answer = (request, peer) =>
      peer.socket.write(encodeFrame({ ...request, payload: Buffer.alloc(9) }).subarray(0, 20));
    const reading = client.read('/a', { deadlineMs: 5000 });
    await expect(reading).rejects.toBeInstanceOf(ConnectionLostError);
    expect(causes.values[0]?.message).toMatch(/not complete after 10 ms/);
    server.answer = obey;
    expect(await client.read('/again', { deadlineMs: 5000 })).toBe('/again');
  });

  test('loses its connection when the whole window has given up on it', async () => {
    const client = await connect({ window: 3 });
    hold();
    const reading = ['/a', '/b', '/c'].map(path => client.read(path, { deadlineMs: 1 }));
    await Promise.allSettled(reading);
    server.answer = obey;
    expect(await client.read('/again')).toBe('/again');
    expect(server.peers).toHaveLength(2);
  });
});

describe('a peer that breaks the protocol', () => {
  const frame = (fields: Partial<Frame>): Buffer =>
    encodeFrame({ type: MessageType.Read, requestId: 1, transactionId: 0, payload: Buffer.alloc(0), ...fields });
  const OVERSIZED = Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);

  test.each([
    ['an id that was never sent', () => frame({ requestId: 99 })],
    ['a type that does not answer the request', () => frame({ type: MessageType.Write })],
    ['an unknown type', () => frame({ type: 0xffff })],
    ['an error without a name', () => frame({ type: MessageType.Error })],
    ['an error with an odd name', () => frame({ type: MessageType.Error, payload: Buffer.from('oops\0') })],
    ['a watch event without a token', () => frame({ type: MessageType.WatchEvent, payload: Buffer.from('/a\0') })],
    ['an oversized frame', () => OVERSIZED],
  ])('loses its connection: %s', async (_what, bytes) => {
    const client = await connect();
    const causes = new EventLog<Error>();
    client.onDisconnect(causes.add);
    server.answer = (_request, peer) => peer.socket.write(bytes());
    const settled = await Promise.allSettled([client.read('/a'), client.mkdir('/b')]);
    expect(settled.map(result => result.status)).toEqual(['rejected', 'rejected']);
    expect(causes.values[0]).toBeInstanceOf(ProtocolError);
    server.answer = obey;
    expect(await client.read('/again')).toBe('/again');
  });

  test.each([
    ['directory', (client: XenstoreClient) => client.directory('/a'), 'a\0b'],
    ['permissions', (client: XenstoreClient) => client.getPermissions('/a'), 'x7\0'],
    ['domain path', (client: XenstoreClient) => client.getDomainPath(7), ''],
    ['introduced', (client: XenstoreClient) => client.isDomainIntroduced(7), 'maybe\0'],
    ['transaction', (client: XenstoreClient) => client.transaction(async () => {}), '4294967296\0'],
    ['no transaction', (client: XenstoreClient) => client.transaction(async () => {}), '0\0'],
  ])('gets its answer refused: %s', async (_what, ask, answer) => {
    const client = await connect();
    server.answer = (request, peer) => peer.reply(request, Buffer.from(answer));
    await expect(ask(client)).rejects.toBeInstanceOf(ProtocolError);
    server.answer = obey;
    expect(await client.read('/again')).toBe('/again');
  });
});

describe('reading children together', () => {
  test('gives their values in order, and undefined for those that are not there', async () => {
    const client = await connect({ window: 2 });
    server.answer = (request, peer) => {
      if (request.payload.toString() === '/d/b\0') peer.refuse(request, 'ENOENT');
      else obey(request, peer);
    };
    expect(await client.readChildren('/d', ['c', 'b', 'a'])).toEqual(['/d/c', undefined, '/d/a']);
    expect(await client.readChildren('/d', [])).toEqual([]);
  });

  test('fails with the first that fails, and sends none of the others', async () => {
    const client = await connect({ window: 1 });
    server.answer = (request, peer) => peer.refuse(request, 'EACCES');
    const reading = client.readChildren('/d', ['a', 'b', 'c']);
    await expect(reading).rejects.toMatchObject({ name: 'XenstoreError', code: 'EACCES', path: '/d/a' });
    server.answer = obey;
    expect(await client.read('/next')).toBe('/next');
    expect(server.requests).toHaveLength(2);
    await expect(client.readChildren('/d', ['a', 'b b'])).rejects.toBeInstanceOf(InvalidRequestError);
    expect(server.requests).toHaveLength(2);
  });

  test('has one deadline and one signal for all of them', async () => {
    const client = await connect();
    const held = hold();
    await expect(client.readChildren('/d', ['a', 'b'], { deadlineMs: 1 })).rejects.toMatchObject({
      name: 'DeadlineError',
      operation: '2 requests',
      path: '/d/a',
    });
    const controller = new AbortController();
    const { signal } = controller;
    const reading = client.readChildren('/d', ['a', 'b'], { signal });
    await held.until(() => true, 4);
    controller.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await expect(client.readChildren('/d', ['a'], { signal })).rejects.toThrow('enough');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    server.answer = obey;
    for (const { request, peer } of held.values) obey(request, peer);
    expect(await client.readChildren('/d', ['a'])).toEqual(['/d/a']);
    expect(server.peers).toHaveLength(1);
  });

  test('fails when the connection is lost, and counts against what may wait', async () => {
    const client = await connect({ window: 1, maxQueued: 1 });
    const first = hold();
    await expect(client.readChildren('/d', ['a', 'b', 'c'])).rejects.toBeInstanceOf(QueueFullError);
    await first.until(() => true);
    const reading = client.readChildren('/d', ['a']);
    server.answer = obey;
    server.drop();
    expect(await reading).toEqual(['/d/a']);
    const held = hold();
    const lost = client.readChildren('/d', ['a']);
    await held.until(() => true);
    server.drop();
    await expect(lost).rejects.toBeInstanceOf(ConnectionLostError);
  });

  test('happens inside a transaction, up to its end', async () => {
    const client = await connect();
    const escaped = await client.transaction(async transaction => {
      expect(await transaction.readChildren('/d', ['a', 'b'])).toEqual(['/d/a', '/d/b']);
      return transaction;
    });
    const reads = server.requests.filter(request => request.type === MessageType.Read);
    expect(reads.map(request => request.transactionId)).toEqual([7, 7]);
    await expect(escaped.readChildren('/d', ['a'])).rejects.toThrow('the transaction has ended');
  });
});

describe('large directories', () => {
  const answerParts = (parts: readonly string[]): void => {
    const remaining = [...parts];
    server.answer = (request, peer) => {
      if (request.type === MessageType.Directory) peer.refuse(request, 'E2BIG');
      else peer.reply(request, Buffer.from(remaining.shift() ?? ''));
    };
  };
  const offsets = (): (string | undefined)[] =>
    server.requests
      .filter(request => request.type === MessageType.DirectoryPart)
      .map(request => request.payload.toString().split('\0')[1]);

  test('are put together from their parts', async () => {
    const client = await connect();
    answerParts(['8\0aa\0b\0', '8\0ccc\0', '8\0\0']);
    expect(await client.directory('/d')).toEqual(['aa', 'b', 'ccc']);
    expect(offsets()).toEqual(['0', '5', '9']);
  });

  test('are begun anew when they change', async () => {
    const client = await connect();
    answerParts(['8\0old\0', '9\0tail\0\0', '9\0new\0', '9\0tail\0\0']);
    expect(await client.directory('/d')).toEqual(['new', 'tail']);
    expect(offsets()).toEqual(['0', '4', '0', '4']);
  });

  test('that never end are given up, too', async () => {
    const client = await connect();
    answerParts(Array.from({ length: 1000 }, () => `8\0${'a'.repeat(4000)}\0`));
    await expect(client.directory('/d')).rejects.toThrow(/more than 1048576 bytes/);
  });

  test('that never stand still are given up', async () => {
    const client = await connect();
    answerParts(Array.from({ length: 1000 }, (_, generation) => `${generation}\0a\0`));
    await expect(client.directory('/d')).rejects.toMatchObject({ code: 'EAGAIN', operation: 'directory' });
  });

  test.each([
    ['an empty part', '8\0'],
    ['no generation', ''],
    ['an empty name', '8\0a\0\0b\0'],
  ])('do not hang on %s', async (_what, part) => {
    const client = await connect();
    answerParts([part]);
    await expect(client.directory('/d')).rejects.toBeInstanceOf(ProtocolError);
  });

  test('may come in one piece of more than 4096 bytes, as from oxenstored', async () => {
    const client = await connect();
    const names = Array.from({ length: 2000 }, (_, index) => `child-${index}`);
    server.answer = (request, peer) => peer.reply(request, encodeStrings(...names));
    expect(await client.directory('/d')).toEqual(names);
  });
});

describe('transactions', () => {
  test('are not ended twice after a conflict: the number may belong to another one by then', async () => {
    const client = await connect();
    server.answer = (request, peer) => {
      if (request.type === MessageType.TransactionEnd) peer.refuse(request, 'EAGAIN');
      else obey(request, peer);
    };
    const attempt = client.transaction(transaction => transaction.write('/a', '1'), { maxAttempts: 2 });
    await expect(attempt).rejects.toMatchObject({ code: 'EAGAIN' });
    const ends = server.requests.filter(request => request.type === MessageType.TransactionEnd);
    expect(ends.map(request => request.payload.toString())).toEqual(['T\0', 'T\0']);
    const write = server.requests.find(request => request.type === MessageType.Write);
    expect(write?.transactionId).toBe(7);
  });

  test('are discarded on the server when they fail', async () => {
    const client = await connect();
    const attempt = client.transaction(() => Promise.reject(new Error('changed my mind')));
    await expect(attempt).rejects.toThrow('changed my mind');
    await client.read('/flush');
    expect(server.requests[1]).toMatchObject({ type: MessageType.TransactionEnd, payload: Buffer.from('F\0') });
  });

  test('take no request after their end', async () => {
    const client = await connect();
    const escaped = await client.transaction(async transaction => transaction);
    await expect(escaped.read('/a')).rejects.toThrow('the transaction has ended');
  });
});

describe('reconnecting', () => {
  test('fails what was sent, sends what was not, and lets new requests wait', async () => {
    const client = await connect({ window: 1 });
    const held = hold();
    const sent = client.read('/sent');
    const waiting = client.read('/waiting');
    await held.until(() => true);
    await server.halt();
    await expect(sent).rejects.toBeInstanceOf(ConnectionLostError);
    const later = client.read('/later');
    server.answer = obey;
    await server.listen();
    expect(await Promise.all([waiting, later])).toEqual(['/waiting', '/later']);
    const paths = server.requests.map(request => request.payload.toString());
    expect(paths.filter(path => path === '/sent\0')).toHaveLength(1);
  });

  test('tells each failed attempt, and a waiting request ends at its deadline', async () => {
    const client = await connect();
    const causes = new EventLog<Error>();
    client.onDisconnect(causes.add);
    await server.halt();
    await causes.until(() => true);
    await expect(client.read('/a', { deadlineMs: 20 })).rejects.toBeInstanceOf(DeadlineError);
    await causes.until(cause => cause.name === 'ConnectError', 2);
    await server.listen();
    expect(await client.read('/a')).toBe('/a');
  });

  test('sets watches up again before anything else, and not those that were closed', async () => {
    const client = await connect();
    const causes = new EventLog<Error>();
    client.onDisconnect(causes.add);
    const events = new EventLog<string>();
    await client.watch('/kept', ({ path }) => events.add(path));
    const closed = await client.watch('/closed', ({ path }) => events.add(path));
    await events.until(() => true, 2);
    await server.halt();
    await causes.until(() => true);
    await closed.close();
    const write = client.write('/a', '1');
    server.requests.splice(0);
    await server.listen();
    await write;
    expect(server.requests.map(request => request.type)).toEqual([MessageType.Watch, MessageType.Write]);
    await events.until(path => path === '/kept', 2);
    expect(events.values).toEqual(['/kept', '/closed', '/kept']);
  });

  test('sets a watch up once that was asked for while there was no connection', async () => {
    const client = await connect();
    const causes = new EventLog<Error>();
    client.onDisconnect(causes.add);
    await server.halt();
    await causes.until(() => true);
    const watching = client.watch('/new', () => {});
    await server.listen();
    await watching;
    expect(server.requests.map(request => request.type)).toEqual([MessageType.Watch]);
  });

  test('tries again when a watch cannot be set up', async () => {
    const client = await connect();
    const causes = new EventLog<Error>();
    const reconnections = new EventLog<true>();
    client.onDisconnect(causes.add);
    client.onReconnect(() => reconnections.add(true));
    await client.watch('/a', () => {});
    server.answer = (request, peer) => peer.refuse(request, 'EQUOTA');
    server.drop();
    await causes.until(cause => cause.message === 'xenstore: watch "/a": EQUOTA', 2);
    expect(reconnections.values).toEqual([]);
    server.answer = obey;
    await reconnections.until(() => true);
    expect(await client.read('/a')).toBe('/a');
  });

  test('a watch that is being closed when the connection is lost is closed by that', async () => {
    const client = await connect();
    const watch = await client.watch('/a', () => {});
    const held = hold();
    const closing = watch.close();
    await held.until(() => true);
    server.answer = obey;
    server.drop();
    await closing;
    await client.read('/flush').catch(error => expect(error).toBeInstanceOf(ConnectionLostError));
    expect(server.requests.filter(request => request.type === MessageType.Watch)).toHaveLength(1);
  });

  test('a watch that was refused hears nothing', async () => {
    const client = await connect();
    const events = new EventLog<string>();
    server.answer = (request, peer) => peer.refuse(request, 'EACCES');
    await expect(client.watch('/a', ({ path }) => events.add(path))).rejects.toMatchObject({ code: 'EACCES' });
    const token = server.requests[0]?.payload.toString().split('\0')[1] ?? '';
    server.peers[0]?.event('/a', token);
    server.answer = obey;
    await client.read('/flush');
    expect(events.values).toEqual([]);
  });

  test('delivers events in order, none after closing, and ignores those of unknown watches', async () => {
    const client = await connect();
    const events = new EventLog<string>();
    const watch = await client.watch('/a', ({ path }) => events.add(path));
    await events.until(() => true);
    const token = server.requests[0]?.payload.toString().split('\0')[1] ?? '';
    const [peer] = server.peers;
    peer?.event('/unknown', 'nobody');
    for (const path of ['/a/1', '/a/2', '/a/3']) peer?.event(path, token);
    await events.until(path => path === '/a/3');
    await watch.close();
    peer?.event('/a/4', token);
    await client.read('/flush');
    expect(events.values).toEqual(['/a', '/a/1', '/a/2', '/a/3']);
  });
});

test('a listener that throws is its own fault: the client goes on', async () => {
  const client = await connect();
  const thrown = new EventLog<unknown>();
  const usual = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', thrown.add);
  try {
    await client.watch('/a', () => {
      throw new Error('my fault');
    });
    await thrown.until(() => true);
  } finally {
    process.removeListener('uncaughtException', thrown.add);
    for (const listener of usual) process.on('uncaughtException', listener);
  }
  expect(thrown.values).toEqual([new Error('my fault')]);
  expect(await client.read('/b')).toBe('/b');
  expect(server.peers).toHaveLength(1);
});

test.each(['deadlineMs', 'connectMs', 'window', 'maxQueued', 'maxReplyBytes'])('%s must be above 0', async option => {
  for (const value of [0, -1, Number.NaN]) await expect(connect({ [option]: value })).rejects.toThrow(RangeError);
});

describe('closing', () => {
  test('ends everything under way, connected or not', async () => {
    const client = await connect({ window: 1 });
    const held = hold();
    const sent = client.read('/sent');
    const queued = client.read('/queued');
    await held.until(() => true);
    await Promise.all([
      expect(sent).rejects.toMatchObject({ name: 'ConnectionLostError', cause: new ClientClosedError() }),
      expect(queued).rejects.toBeInstanceOf(ClientClosedError),
      client.close(),
    ]);
    await expect(client.read('/late')).rejects.toBeInstanceOf(ClientClosedError);
    await client.close();

    const other = await connect();
    const causes = new EventLog<Error>();
    other.onDisconnect(causes.add);
    await server.halt();
    await causes.until(() => true);
    const waiting = other.read('/waiting');
    await Promise.all([expect(waiting).rejects.toBeInstanceOf(ClientClosedError), other.close()]);
    await server.listen();
  });

  test('a connection attempt can be given up', async () => {
    const controller = new AbortController();
    const transport = (_events: unknown, signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const attempt = XenstoreClient.connect({ transport, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(attempt).rejects.toThrow('enough');
    await expect(XenstoreClient.connect({ transport, connectMs: 5 })).rejects.toBeInstanceOf(DeadlineError);
    await expect(XenstoreClient.connect({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });
});
