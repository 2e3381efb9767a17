import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ConnectError,
  ConnectionLostError,
  DeadlineError,
  MessageType,
  type WatchEvent,
  XenstoreClient,
  XenstoreError,
} from '../../src/xenstore-client/index.ts';
import { EventLog } from './event-log.ts';
import { Xenstored } from './xenstored.ts';

describe.each(['xenstored', 'oxenstored'] as const)('the client against %s', name => {
  const clients: XenstoreClient[] = [];
  let daemon: Xenstored;
  let client: XenstoreClient;

  beforeEach(async () => {
    daemon = await Xenstored.start(name);
    client = await connect();
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(open => open.close()));
    await daemon.stop();
  });

  async function connect(): Promise<XenstoreClient> {
    const { socketPath } = daemon;
    const open = await XenstoreClient.connect({ socketPath, backoff: { firstMs: 5, longestMs: 50 } });
    clients.push(open);
    return open;
  }

  test('reads what was written, byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await client.write('/test/text', 'Grüße');
    await client.write('/test/bytes', bytes);
    await client.write('/test/empty', '');
    expect(await client.read('/test/text')).toBe('Grüße');
    expect(new Uint8Array(await client.readBytes('/test/bytes'))).toEqual(bytes);
    expect(await client.read('/test/empty')).toBe('');
    expect((await client.directory('/test')).sort()).toEqual(['bytes', 'empty', 'text']);
  });

  test('makes and removes nodes, and names the error of what is not there', async () => {
    await client.mkdir('/test/a/b');
    await client.write('/test/a', 'kept');
    await client.mkdir('/test/a');
    expect(await client.read('/test/a')).toBe('kept');
    expect(await client.directory('/test/a/b')).toEqual([]);
    await client.rm('/test/a');
    await client.rm('/test/a');
    await expect(client.read('/test/a/b')).rejects.toMatchObject({
      name: 'XenstoreError',
      code: 'ENOENT',
      operation: 'read',
      path: '/test/a/b',
    });
    await expect(client.rm('/nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT', operation: 'rm' });
  });

  test('sets and gets permissions', async () => {
    const permissions = [
      { domid: 3, access: 'none' },
      { domid: 4, access: 'read' },
      { domid: 5, access: 'write' },
      { domid: 6, access: 'both' },
    ] as const;
    await client.mkdir('/test/owned');
    await client.setPermissions('/test/owned', permissions);
    expect(await client.getPermissions('/test/owned')).toEqual(permissions);
  });

  test('lists 700 children, which do not fit in one message', async () => {
    const names = Array.from({ length: 700 }, (_, index) => `child-${index}`);
    await Promise.all(names.map(child => client.write(`/large/${child}`, 'x')));
    expect((await client.directory('/large')).sort()).toEqual(names.sort());
    const inside = await client.transaction(transaction => transaction.directory('/large'));
    expect(inside.sort()).toEqual(names);
  });

  test('never lists half of a large directory while it grows', async () => {
    const names = Array.from({ length: 700 }, (_, index) => `child-${index}`);
    await Promise.all(names.map(child => client.write(`/large/${child}`, 'x')));
    const writer = await connect();
    const growing = (async (): Promise<void> => {
      for (let index = 0; index < 100; index += 1) await writer.write(`/large/a-late-${index}`, 'x');
    })();
    for (let look = 0; look < 10; look += 1) {
      const seen = await client.directory('/large');
      expect(seen.filter(child => child.startsWith('child-')).sort()).toEqual(names.sort());
      expect(new Set(seen).size).toBe(seen.length);
    }
    await growing;
    expect(await client.directory('/large')).toHaveLength(800);
  });

  test('tells changes below a watched path, once more at the start, and not after closing', async () => {
    const events = new EventLog<string>();
    const watch = await client.watch('/watched', ({ path }) => events.add(path));
    await events.until(path => path === '/watched');
    await client.write('/watched/a/b', '1');
    await client.write('/elsewhere', '1');
    await client.rm('/watched/a');
    await events.until(path => path === '/watched/a');
    expect(events.values).toContain('/watched/a/b');
    expect(events.values).not.toContain('/elsewhere');

    await watch.close();
    await watch.close();
    const before = events.values.length;
    await client.write('/watched/c', '1');
    await client.read('/watched/c');
    expect(events.values).toHaveLength(before);
  });

  test('tells domains that come and go', async () => {
    const introduced = new EventLog<WatchEvent>();
    const released = new EventLog<WatchEvent>();
    await client.watch('@introduceDomain', introduced.add);
    await client.watch('@releaseDomain', released.add);
    await introduced.until(() => true);
    await released.until(() => true);
    expect(await client.isDomainIntroduced(7)).toBe(false);

    await client.request(MessageType.Introduce, ['7', '1', '1']);
    await introduced.until(() => true, 2);
    expect(await client.isDomainIntroduced(7)).toBe(true);

    await client.request(MessageType.Release, ['7']);
    await released.until(() => true, 2);
    expect(await client.isDomainIntroduced(7)).toBe(false);
    expect(await client.getDomainPath(7)).toBe('/local/domain/7');
  });

  test('runs a transaction again when somebody else was faster', async () => {
    const rival = await connect();
    await client.write('/counter', '1');
    let runs = 0;
    const result = await client.transaction(async transaction => {
      runs += 1;
      const value = Number(await transaction.read('/counter'));
      if (runs === 1) await rival.write('/counter', '10');
      await transaction.write('/counter', String(value + 1));
      return value + 1;
    });
    expect({ runs, result, stored: await client.read('/counter') }).toEqual({ runs: 2, result: 11, stored: '11' });
  });

  test('gives up a transaction that is in conflict every time', async () => {
    const rival = await connect();
    await client.write('/counter', '1');
    let runs = 0;
    const attempt = client.transaction(
      async transaction => {
        runs += 1;
        await transaction.read('/counter');
        await rival.write('/counter', `${100 + runs}`);
        await transaction.write('/counter', '0');
      },
      { maxAttempts: 3 },
    );
    await expect(attempt).rejects.toMatchObject({ name: 'XenstoreError', code: 'EAGAIN' });
    expect(await client.read('/counter')).toBe('103');
  });

  test('leaves nothing of a transaction that fails', async () => {
    const attempt = client.transaction(async transaction => {
      await transaction.write('/test/half', 'done');
      expect(await transaction.read('/test/half')).toBe('done');
      throw new Error('changed my mind');
    });
    await expect(attempt).rejects.toThrow('changed my mind');
    await expect(client.read('/test/half')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('matches 1000 requests in flight to their answers', async () => {
    const keys = Array.from({ length: 1000 }, (_, index) => `/many/${index % 10}/${index}`);
    await Promise.all(keys.map(key => client.write(key, `value of ${key}`)));
    const values = await Promise.all(keys.map(key => client.read(key)));
    expect(values).toEqual(keys.map(key => `value of ${key}`));
  });

  test('agrees with the daemon about which paths are wrong', async () => {
    const wrong = ['', '/a//b', '/a/', '/a b', '/a\n', '/ä', '/a.b', '/a:b', '/a+b', `/${'a'.repeat(3072)}`];
    for (const path of wrong) {
      await expect(client.request(MessageType.Write, [path, 'x']), path).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(client.write(path, 'x'), path).rejects.toMatchObject({ name: 'InvalidRequestError' });
    }
  });

  test('gives up at the deadline, and goes on when the daemon does', async () => {
    await client.write('/test/a', '1');
    daemon.signal('SIGSTOP');
    await expect(client.read('/test/a', { deadlineMs: 20 })).rejects.toBeInstanceOf(DeadlineError);
    await expect(client.transaction(async () => {}, { deadlineMs: 20 })).rejects.toBeInstanceOf(DeadlineError);
    await expect(client.read('/test/a', { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    daemon.signal('SIGCONT');
    expect(await client.read('/test/a')).toBe('1');
  });

  test('settles every request when the daemon is killed, and sets its watches up on the next one', async () => {
    const events = new EventLog<string>();
    const reconnections = new EventLog<true>();
    await client.watch('/watched', ({ path }) => events.add(path));
    const closed = await client.watch('/closed', ({ path }) => events.add(path));
    await events.until(() => true, 2);
    await closed.close();
    client.onReconnect(() => reconnections.add(true));

    daemon.signal('SIGSTOP');
    const requests = Array.from({ length: 1000 }, (_, index) => client.mkdir(`/watched/${index}`));
    const transaction = client.transaction(started => started.mkdir('/test'));
    const settled = Promise.allSettled(requests);
    const settledTransaction = Promise.allSettled([transaction]);
    await daemon.kill();
    await daemon.restart();

    const failures = (await settled).filter(result => result.status === 'rejected').map(result => result.reason);
    expect(failures).toHaveLength(128);
    expect(failures.every(error => error instanceof ConnectionLostError)).toBe(true);
    expect((await settledTransaction)[0]?.status).toBe('fulfilled');
    expect(await client.directory('/watched')).toHaveLength(1000 - 128);

    await reconnections.until(() => true);
    await events.until(path => path === '/watched', 2);
    await client.write('/watched/after', '1');
    await events.until(path => path === '/watched/after');
    expect(events.values.filter(path => path === '/closed')).toHaveLength(1);
  });

  test('fails a transaction whose daemon is killed in the middle', async () => {
    const attempt = client.transaction(async transaction => {
      await transaction.write('/test/a', '1');
      await daemon.kill();
      await daemon.restart();
      await client.write('/test/b', '1');
      await transaction.write('/test/c', '1');
    });
    await expect(attempt).rejects.toBeInstanceOf(ConnectionLostError);
    expect(await client.directory('/test')).toEqual(['b']);
  });

  test('says which path it could not connect to', async () => {
    await daemon.kill();
    const attempt = XenstoreClient.connect({ socketPath: daemon.socketPath, devicePath: '/nonexistent' });
    await expect(attempt).rejects.toBeInstanceOf(ConnectError);
    await expect(attempt).rejects.toThrow(daemon.socketPath);
    await expect(attempt).rejects.toThrow('/nonexistent');
  });

  test('keeps a value that is too large for the daemon from its connection', async () => {
    await expect(client.write('/test/a', 'x'.repeat(4096))).rejects.toMatchObject({ name: 'InvalidRequestError' });
    const refused = client.write('/test/a', 'x'.repeat(4000));
    await refused.catch(error => expect(error).toBeInstanceOf(XenstoreError));
    await client.write('/test/b', '1');
    expect(await client.read('/test/b')).toBe('1');
  });
});
