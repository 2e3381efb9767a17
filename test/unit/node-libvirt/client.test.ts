import { execFile } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ConnectionLostError,
  connectionClosedEvent,
  DeadlineError,
  type DomainRef,
  ErrorCode,
  encodeErrorReply,
  encodeEvent,
  encodeKeepalive,
  encodeReply,
  isLibvirtError,
  LibvirtClient,
  type LibvirtClientOptions,
  LibvirtError,
  type LifecycleEvent,
  lifecycleEvent,
  Program,
  procedures,
  QueueFullError,
  XdrError,
} from '../../../src/node-libvirt/index.ts';
import { FakeDaemon, Refusal } from './fake-daemon.ts';

const red: DomainRef = { name: 'red', uuid: '6695eb01-f6a4-8304-79aa-97f2502e193f', id: 4 };
let daemon: FakeDaemon;
let client: LibvirtClient;

function clientOf(options: LibvirtClientOptions = {}): LibvirtClient {
  return new LibvirtClient({ socketPath: daemon.socketPath, reconnectMinMs: 5, reconnectMaxMs: 20, ...options });
}

beforeEach(async () => {
  daemon = await new FakeDaemon().listen();
  client = clientOf();
});
afterEach(async () => {
  client.close();
  await daemon.remove();
});

/** The reason `promise` was rejected with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    value => Promise.reject(new Error(`resolved with ${String(value)}`)),
    reason => reason,
  );
}

function once<T>(subscribe: (listener: (value: T) => void) => () => void): Promise<T> {
  return new Promise(resolve => {
    const off = subscribe(value => {
      off();
      resolve(value);
    });
  });
}

/** A promise to be settled from outside. */
function gate<T>(): { readonly opened: Promise<T>; open(value: T): void } {
  let open: (value: T) => void = () => undefined;
  const opened = new Promise<T>(resolve => {
    open = resolve;
  });
  return { opened, open: value => open(value) };
}

describe('a call', () => {
  test('reaches the daemon with its arguments and returns the result', async () => {
    daemon.answer(
      procedures.domainGetXmlDesc,
      ({ domain, flags }) => `<domain name='${domain.name}' flags='${flags}'/>`,
    );
    expect(await client.domainXml(red)).toBe("<domain name='red' flags='0'/>");
    expect(await client.domainXml(red, { inactive: true })).toBe("<domain name='red' flags='2'/>");
  });

  test('that libvirt refuses carries code, domain, level, message and procedure', async () => {
    daemon.answer(procedures.domainLookupByName, name => {
      throw new Refusal(ErrorCode.noDomain, `no domain '${name}'`);
    });
    const error = await rejection(client.domainByName('blue'));
    expect(error).toBeInstanceOf(LibvirtError);
    expect(error).toMatchObject({ code: 42, domain: 41, level: 2, procedure: 'domainLookupByName' });
    expect(error).toHaveProperty('message', "no domain 'blue'");
    expect(isLibvirtError(error, ErrorCode.noDomain)).toBe(true);
  });

  test('live, stored and both are what the flags say', async () => {
    const seen: number[] = [];
    daemon.answer(procedures.domainAttachDeviceFlags, ({ flags }) => void seen.push(flags));
    await client.attachDevice(red, '<hostdev/>');
    await client.attachDevice(red, '<hostdev/>', { live: true });
    await client.attachDevice(red, '<hostdev/>', { config: true });
    await client.attachDevice(red, '<hostdev/>', { live: true, config: true });
    expect(seen).toEqual([0, 1, 2, 3]);
  });

  test('with arguments that cannot be sent is rejected at once', async () => {
    expect(await rejection(client.domainByName('a\0b'))).toBeInstanceOf(XdrError);
    expect(await rejection(client.domainByUuid('red'))).toBeInstanceOf(XdrError);
    expect(await rejection(client.domainByName('a', { deadlineMs: 0 }))).toBeInstanceOf(RangeError);
    expect(daemon.clients).toEqual([]);
  });

  test('states and events of a newer libvirt are unknown, not an error', async () => {
    daemon.answer(procedures.domainGetState, () => ({ state: 99, reason: 1 }));
    expect(await client.domainState(red)).toEqual({ state: 'unknown', reason: 1 });
    daemon.answer(procedures.domainGetState, () => ({ state: 3, reason: 1 }));
    expect(await client.domainState(red)).toEqual({ state: 'paused', reason: 1 });
  });
});

describe('patience', () => {
  test('ends at the deadline, and a late reply is not taken for that of another call', async () => {
    const slow = gate<string>();
    daemon.answer(procedures.domainGetXmlDesc, async ({ domain }) => (domain.name === 'slow' ? slow.opened : 'quick'));
    const late = client.domainXml({ ...red, name: 'slow' }, { deadlineMs: 30 });
    expect(await rejection(late)).toBeInstanceOf(DeadlineError);
    const next = Promise.all([client.domainXml(red), client.domainXml(red)]);
    slow.open('late');
    expect(await next).toEqual(['quick', 'quick']);
    expect(client.connected).toBe(true);
  });

  test('shares one listener with all others of its signal, and each of them ends when it says so', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    daemon.answer(procedures.domainGetXmlDesc, () => new Promise(() => undefined));
    await client.connect();
    const calls = Array.from({ length: 50 }, () => rejection(client.domainXml(red, { signal: controller.signal })));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(reason);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([reason]));
  });

  test('leaves nothing at a signal when it has ended, by which Node would keep the signal for ever', async () => {
    const { signal } = new AbortController();
    daemon.answer(procedures.domainGetXmlDesc, () => '<domain/>');
    await Promise.all(Array.from({ length: 10 }, () => client.domainXml(red, { signal })));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(await client.domainXml(red, { signal })).toBe('<domain/>');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('ends when the signal says so, before, while waiting and in flight', async () => {
    const never = gate<string>();
    daemon.answer(procedures.domainGetXmlDesc, () => never.opened);
    const reason = new Error('enough');
    expect(await rejection(client.domainXml(red, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const calls = Array.from({ length: 6 }, () => rejection(client.domainXml(red, { signal: controller.signal })));
    await client.libraryVersion({ deadlineMs: 30 }).catch(() => undefined);
    controller.abort(reason);
    expect(await Promise.all(calls)).toEqual(Array(6).fill(reason));
    never.open('');
    expect(await client.domainXml(red)).toBe('');
  });

  test('covers the time without a daemon; the error says what was wrong', async () => {
    await daemon.die();
    const error = await rejection(client.listDomains({ deadlineMs: 60 }));
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ cause: { name: 'ConnectionLostError', cause: { code: 'ENOENT' } } });
  });

  test('a call made while there is no daemon is answered when there is one', async () => {
    await daemon.die();
    const failed = once<Error>(listener => client.onConnectFailure(listener));
    const version = client.libraryVersion();
    await failed;
    await daemon.listen();
    expect(await version).toEqual({ major: 11, minor: 3, release: 0 });
  });
});

describe('the window', () => {
  test('holds four calls of two hundred, all of which are answered, each by its own', async () => {
    daemon.answer(procedures.nodeDeviceGetXmlDesc, async ({ name }) => {
      await new Promise(resolve => setImmediate(resolve));
      return `<device>${name}</device>`;
    });
    const names = Array.from({ length: 200 }, (_, i) => `pci_${i}`);
    const xmls = await Promise.all(names.map(name => client.nodeDeviceXml(name)));
    expect(xmls).toEqual(names.map(name => `<device>${name}</device>`));
    expect(daemon.clients.map(c => c.mostOpen)).toEqual([4]);
  });

  test('has a bounded queue before it', async () => {
    const hold = gate<string>();
    daemon.answer(procedures.connectGetType, () => hold.opened);
    client.close();
    client = clientOf({ maxQueued: 3 });
    await client.connect();
    const calls = Array.from({ length: 7 }, () => client.hypervisorType());
    expect(await rejection(client.hypervisorType())).toBeInstanceOf(QueueFullError);
    hold.open('Xen');
    expect(await Promise.all(calls)).toEqual(Array(7).fill('Xen'));
  });

  test('full of changes does not hold up a look', async () => {
    const hold = gate<void>();
    daemon.answer(procedures.domainDetachDeviceFlags, () => hold.opened);
    daemon.answer(procedures.connectListAllDomains, () => [red]);
    const changes = Array.from({ length: 9 }, () => client.detachDevice(red, '<hostdev/>'));
    expect(await client.listDomains()).toEqual([red]);
    hold.open();
    await Promise.all(changes);
    expect(daemon.clients.length).toBe(2);
  });

  test('full of changes makes room on other connections, which go again when they are not needed', async () => {
    client.close();
    client = clientOf({ changeConnections: 3 });
    let open = 0;
    const begun = gate<void>();
    const hold = gate<void>();
    daemon.answer(procedures.domainDetachDeviceFlags, () => {
      open += 1;
      if (open === 12) begun.open();
      return hold.opened;
    });
    const before = daemon.clients.length;
    const changes = Array.from({ length: 30 }, () => client.detachDevice(red, '<hostdev/>'));
    await begun.opened;
    expect(daemon.clients.slice(before).map(each => each.open)).toEqual([4, 4, 4]);
    hold.open();
    await Promise.all(changes);
    expect(open).toBe(30);
    const left = (): number => daemon.clients.slice(before).filter(({ socket }) => !socket.destroyed).length;
    await expect.poll(left).toBe(1);
    await client.detachDevice(red, '<hostdev/>');
    expect(left()).toBe(1);
  });

  test('held by calls that were given up is given up itself, and a new connection works', async () => {
    daemon.answerRaw(procedures.connectGetType, () => undefined);
    await client.connect();
    const lost = once<Error>(listener => client.onDisconnect(listener));
    const dead = Array.from({ length: 5 }, () => rejection(client.hypervisorType({ deadlineMs: 40 })));
    for (const error of await Promise.all(dead)) expect(error).toBeInstanceOf(DeadlineError);
    expect((await lost).message).toContain('answers no call any more');
    expect(await client.libraryVersion()).toEqual({ major: 11, minor: 3, release: 0 });
  });
});

describe('bad replies', () => {
  const bodyless = (bytes: Buffer, cut: number): Buffer => {
    const short = Buffer.from(bytes.subarray(0, bytes.length - cut));
    short.writeUInt32BE(short.length, 0);
    return short;
  };

  test('with a short or too long body reject their call only', async () => {
    daemon.answerRaw(procedures.connectGetType, (_body, { header }) =>
      bodyless(encodeReply(procedures.connectGetType, header.serial, 'Xen '), 4),
    );
    expect(await rejection(client.hypervisorType())).toBeInstanceOf(XdrError);
    expect(await client.libraryVersion()).toMatchObject({ major: 11 });
    expect(daemon.clients.length).toBe(1);
  });

  test('with a garbled error body reject their call, at every length', async () => {
    const { details } = new Refusal(1, 'internal error');
    const whole = encodeErrorReply(procedures.connectGetType.number, 0, details).length;
    for (let cut = 4; cut <= whole - 28; cut += 4) {
      daemon.answerRaw(procedures.connectGetType, (_body, { header }) =>
        bodyless(encodeErrorReply(header.procedure, header.serial, details), cut),
      );
      expect(await rejection(client.hypervisorType())).toBeInstanceOf(XdrError);
    }
    expect(daemon.clients.length).toBe(1);
  });

  test.each<[string, (serial: number) => Buffer]>([
    ['noise', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a frame of 4 GiB', () => Buffer.alloc(64, 0xff)],
    ['a serial never sent', serial => encodeReply(procedures.connectGetType, serial + 1, 'Xen')],
    ['the reply to another procedure', serial => encodeReply(procedures.connectGetCapabilities, serial, 'Xen')],
    ['a garbled event', () => bodyless(encodeEvent(connectionClosedEvent, 0), 2)],
    ['a stream packet', serial => encodeReply(procedures.connectGetType, serial, 'Xen').fill(3, 19, 20)],
    ['another program', serial => encodeReply(procedures.connectGetType, serial, 'Xen').fill(1, 4, 8)],
  ])('%s: the connection is closed, the call rejected, the next one answered', async (_what, bytes) => {
    daemon.answerRaw(procedures.connectGetType, (_body, { header }) => bytes(header.serial));
    const error = await rejection(client.hypervisorType());
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect((error as Error).message).toContain('given up');
    daemon.answer(procedures.connectGetType, () => 'Xen');
    expect(await client.hypervisorType()).toBe('Xen');
  });

  test('a frame that never ends leaves the call to its deadline', async () => {
    daemon.answerRaw(procedures.connectGetType, (_body, { header }) =>
      encodeReply(procedures.connectGetType, header.serial, 'Xen').subarray(0, 30),
    );
    expect(await rejection(client.hypervisorType({ deadlineMs: 50 }))).toBeInstanceOf(DeadlineError);
  });
});

describe('events', () => {
  const event = { callbackId: 0, domain: red, event: 5, detail: 1 };

  test('reach every listener until it is taken away', async () => {
    const seen: LifecycleEvent[] = [];
    const off = client.onLifecycle(e => seen.push(e));
    await client.connect();
    daemon.send(encodeEvent(lifecycleEvent, event));
    await client.libraryVersion();
    expect(seen).toEqual([{ domain: red, event: 'stopped', detail: 1 }]);
    off();
    daemon.send(encodeEvent(lifecycleEvent, event));
    await client.libraryVersion();
    expect(seen.length).toBe(1);
  });

  test('arrive again after the daemon has died and come back', async () => {
    await client.connect();
    const lost = once<Error>(listener => client.onDisconnect(listener));
    const back = new Promise<void>(resolve => client.onReconnect(resolve));
    const hold = gate<string>();
    daemon.answer(procedures.connectGetType, () => hold.opened);
    const inFlight = Array.from({ length: 3 }, () => rejection(client.hypervisorType()));
    await client.libraryVersion();
    await daemon.die();
    for (const error of await Promise.all(inFlight)) expect(error).toBeInstanceOf(ConnectionLostError);
    expect(await lost).toBeInstanceOf(ConnectionLostError);
    expect(client.connected).toBe(false);
    await daemon.listen();
    await back;
    const told = once<LifecycleEvent>(listener => client.onLifecycle(listener));
    daemon.send(encodeEvent(lifecycleEvent, event));
    expect((await told).event).toBe('stopped');
  });

  test('calls that were not sent when the connection broke are sent over the next one', async () => {
    await client.connect();
    const hold = gate<string>();
    daemon.answer(procedures.connectGetType, () => hold.opened);
    const calls = Array.from({ length: 8 }, () => client.hypervisorType().catch((error: unknown) => error));
    await new Promise(resolve => setTimeout(resolve, 20));
    await daemon.die();
    daemon.answer(procedures.connectGetType, () => 'Xen');
    await daemon.listen();
    const outcomes = await Promise.all(calls);
    expect(outcomes.filter(o => o instanceof ConnectionLostError).length).toBe(4);
    expect(outcomes.filter(o => o === 'Xen').length).toBe(4);
  });

  test('the daemon losing its hypervisor counts as a lost connection', async () => {
    await client.connect();
    const lost = once<Error>(listener => client.onDisconnect(listener));
    daemon.send(encodeEvent(connectionClosedEvent, 1));
    expect((await lost).message).toContain('lost its hypervisor');
    expect(await client.libraryVersion()).toMatchObject({ major: 11 });
  });
});

describe('keepalive', () => {
  const keepalive = { intervalMs: 15, count: 2 };

  test('pings of the daemon are answered', async () => {
    await client.connect();
    daemon.send(encodeKeepalive('ping'));
    await client.libraryVersion();
    const answers = daemon.clients.flatMap(c => c.received).filter(f => f.header.program === Program.keepalive);
    expect(answers.map(f => f.header.procedure)).toEqual([2]);
  });

  test('a daemon that answers pings stays connected, one that does not is given up', async () => {
    client.close();
    client = clientOf({ keepalive });
    await client.connect();
    const lost = once<Error>(listener => client.onDisconnect(listener));
    const pings = (): number =>
      daemon.clients.flatMap(c => c.received).filter(f => f.header.program === Program.keepalive).length;
    await expect.poll(pings).toBeGreaterThan(4);
    expect(client.connected).toBe(true);
    daemon.stopAnsweringPings();
    expect((await lost).message).toContain('none of 2 pings');
  });

  test('is neither asked for nor done where it is switched off', async () => {
    client.close();
    client = clientOf({ keepalive: 'none' });
    await client.connect();
    await client.libraryVersion();
    const received = daemon.clients.flatMap(c => c.received);
    const { connectOpen, connectSupportsFeature } = procedures;
    const beforeOpen = received.slice(
      0,
      received.findIndex(f => f.header.procedure === connectOpen.number),
    );
    expect(beforeOpen.map(f => f.header.procedure)).not.toContain(connectSupportsFeature.number);
    expect(received.some(f => f.header.program === Program.keepalive)).toBe(false);
  });

  test('is agreed on before the hypervisor is opened, and left alone when the daemon does not know it', async () => {
    daemon.answer(procedures.connectSupportsFeature, () => 0);
    client.close();
    client = clientOf({ keepalive });
    await client.connect();
    await new Promise(resolve => setTimeout(resolve, 60));
    const received = daemon.clients.flatMap(c => c.received);
    expect(received.some(f => f.header.program === Program.keepalive)).toBe(false);
    const { authList, connectSupportsFeature, connectOpen } = procedures;
    const order = [authList, connectSupportsFeature, connectOpen].map(p => p.number);
    expect(received.slice(0, 3).map(f => f.header.procedure)).toEqual(order);
  });
});

describe('opening', () => {
  test('sends the URI and the read-only flag', async () => {
    const opened: unknown[] = [];
    daemon.answer(procedures.connectOpen, args => void opened.push(args));
    await client.connect();
    client.close();
    client = clientOf({ uri: 'test:///default', readOnly: true });
    await client.connect();
    expect(opened).toEqual([
      { uri: 'xen:///system', flags: 0 },
      { uri: 'test:///default', flags: 1 },
    ]);
  });

  test.each<[string, () => void, { name: string }]>([
    ['wants a login', () => daemon.answer(procedures.authList, () => [2]), { name: 'AuthenticationError' }],
    [
      'has no hypervisor',
      () =>
        daemon.answer(procedures.connectOpen, () => {
          throw new Refusal(ErrorCode.noConnect, 'no connection driver available');
        }),
      { name: 'LibvirtError' },
    ],
    ['does not answer', () => daemon.answerRaw(procedures.connectOpen, () => undefined), { name: 'DeadlineError' }],
  ])('a daemon that %s is tried again, and the reason is told', async (_what, spoil, reason) => {
    spoil();
    client.close();
    client = clientOf({ openDeadlineMs: 30 });
    const failures: Error[] = [];
    client.onConnectFailure(error => failures.push(error));
    const error = await rejection(client.connect({ deadlineMs: 300 }));
    expect(error).toMatchObject({ name: 'DeadlineError', cause: reason });
    expect(failures.length).toBeGreaterThan(1);
    daemon.answer(procedures.authList, () => [0]);
    daemon.answer(procedures.connectOpen, () => undefined);
    await client.connect();
    await expect.poll(() => daemon.clients.filter(c => !c.socket.destroyed).length).toBe(1);
  });

  test.each<[string, LibvirtClientOptions]>([
    ['deadlineMs', { deadlineMs: 0 }],
    ['changeDeadlineMs', { changeDeadlineMs: Number.NaN }],
    ['window', { window: 6 }],
    ['changeConnections', { changeConnections: 0 }],
    ['keepalive.intervalMs', { keepalive: { intervalMs: -1, count: 5 } }],
    ['reconnectMinMs', { reconnectMinMs: 0 }],
  ])('refuses an impossible %s', (name, options) => {
    expect(() => new LibvirtClient(options)).toThrow(name);
  });
});

describe('closing', () => {
  test('rejects what is waiting or in flight, and every later call', async () => {
    daemon.answerRaw(procedures.connectGetType, () => undefined);
    daemon.answerRaw(procedures.domainDestroy, () => undefined);
    await client.connect();
    const calls = [...Array.from({ length: 9 }, () => client.hypervisorType()), client.destroyDomain(red)].map(
      rejection,
    );
    client.close();
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(ConnectionLostError);
    expect(await rejection(client.listDomains())).toBeInstanceOf(ConnectionLostError);
    expect(client.connected).toBe(false);
  });

  test.each([
    [
      'with calls in flight',
      'await client.connect(); void client.destroyDomain(red).catch(done); void client.hypervisorType().catch(done)',
    ],
    ['while it connects', 'void client.connect().catch(done); await new Promise(resolve => setImmediate(resolve))'],
    [
      'while it waits to reconnect',
      'void client.connect().catch(done); await new Promise(resolve => client.onConnectFailure(() => setImmediate(resolve)))',
    ],
  ])('%s leaves nothing that keeps the process alive', async (what, use) => {
    daemon.answerRaw(procedures.connectGetType, () => undefined);
    daemon.answerRaw(procedures.domainDestroy, () => undefined);
    if (what.includes('reconnect')) await daemon.die();
    const source = `
      import { LibvirtClient } from './src/node-libvirt/index.ts';
      const red = ${JSON.stringify(red)};
      const done = error => console.log(error.name);
      const client = new LibvirtClient({ socketPath: ${JSON.stringify(daemon.socketPath)}, reconnectMinMs: 60_000, reconnectMaxMs: 60_000 });
      ${use};
      client.close();`;
    const resolveDir = new URL('../../..', import.meta.url).pathname;
    const options = { bundle: true, platform: 'node', format: 'esm', write: false } as const;
    const { outputFiles } = await build({ ...options, stdin: { contents: source, resolveDir } });
    const script = outputFiles.map(file => file.text).join('');
    // The deadlines of the calls are 10 s and more: a process that is still there after 5 s was kept alive by something.
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      timeout: 5_000,
    });
    expect(stdout).toMatch(/^(ConnectionLostError\n)+$/);
  });
});
