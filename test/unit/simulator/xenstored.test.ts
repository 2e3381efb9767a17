import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backendPath, plainHostdev, type SimulatedDom0 } from '../../../src/simulator/index.ts';
import { encodeFrame, encodeStrings, MessageType, XenstoreError } from '../../../src/xenstore-client/index.ts';
import { hungUp } from '../../hung-up.ts';
import { running, xenstore } from './running.ts';
import { NIC, NVME, xl } from './world.ts';

const refused = (code: string) => expect.objectContaining({ name: 'XenstoreError', code });

function give(dom0: SimulatedDom0, name: string, address: typeof NIC): void {
  xl(dom0.model, `pci-assignable-add ${address}`);
  dom0.model.libvirt.attach(dom0.model.domain(name), plainHostdev(address), { live: true, stored: false });
  dom0.model.settle();
}

describe('nodes', () => {
  test('are written, read, listed and removed', async () => {
    const client = await xenstore(await running());
    await client.write('/tool/a/b', 'value');
    await client.mkdir('/tool/a/c');
    expect(await client.read('/tool/a/b')).toBe('value');
    expect(await client.directory('/tool/a')).toEqual(['b', 'c']);
    await client.rm('/tool/a');
    await expect(client.read('/tool/a/b')).rejects.toEqual(refused('ENOENT'));
    await expect(client.directory('/tool/a')).rejects.toEqual(refused('ENOENT'));
    await client.rm('/tool/a');
    await expect(client.rm('/nowhere/at/all')).rejects.toEqual(refused('ENOENT'));
  });

  test('keep any bytes', async () => {
    const client = await xenstore(await running());
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await client.write('/tool/bytes', bytes);
    expect(await client.readBytes('/tool/bytes')).toEqual(bytes);
  });

  test('in a folder too large for one message come in parts', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    const names = Array.from({ length: 700 }, (_, index) => `a-rather-long-name-${index}`);
    for (const name of names) dom0.model.dom0.store.write(`/tool/many/${name}`, '');
    expect(await client.directory('/tool/many')).toEqual(names);
  });

  test('have permissions, taken over from their parent', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    give(dom0, 'sys-net', NIC);
    expect(await client.getPermissions(`${backendPath(1)}/dev-0`)).toEqual([
      { domid: 0, access: 'none' },
      { domid: 1, access: 'read' },
    ]);
    await client.setPermissions('/libxl', [{ domid: 0, access: 'both' }]);
    expect(await client.getPermissions('/libxl')).toEqual([{ domid: 0, access: 'both' }]);
  });

  test('show what the far side does', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    give(dom0, 'sys-net', NIC);
    expect(await client.read(`${backendPath(1)}/dev-0`)).toBe(NIC);
    expect(await client.isDomainIntroduced(1)).toBe(true);
    dom0.model.destroy('sys-net');
    expect(await client.isDomainIntroduced(1)).toBe(false);
    await expect(client.directory('/local/domain/0/backend/pci')).rejects.toEqual(refused('ENOENT'));
  });
});

describe('watches', () => {
  test('fire when set up, for changes below, and for special events', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    const seen: string[] = [];
    const watch = await client.watch('/local/domain/0/backend/pci', ({ path }) => seen.push(path));
    await client.watch('@releaseDomain', ({ path }) => seen.push(path));
    await expect.poll(() => seen).toEqual(['/local/domain/0/backend/pci', '@releaseDomain']);
    give(dom0, 'sys-net', NIC);
    await expect.poll(() => seen).toContain(`${backendPath(1)}/vdev-0`);
    dom0.model.destroy('sys-net');
    await expect.poll(() => seen.at(-1)).toBe('@releaseDomain');
    await watch.close();
    const before = seen.length;
    give(dom0, 'storage', NVME);
    await client.read('/local/domain/0/name');
    expect(seen).toHaveLength(before);
  });

  test('below a removed folder are told of their own path', async () => {
    const client = await xenstore(await running());
    await client.write('/tool/a/b/c', '');
    const seen: string[] = [];
    await client.watch('/tool/a/b/c', ({ path }) => seen.push(path));
    await expect.poll(() => seen).toHaveLength(1);
    await client.rm('/tool/a');
    await expect.poll(() => seen).toEqual(['/tool/a/b/c', '/tool/a/b/c']);
  });

  test('come back with a daemon that was down', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    const seen: string[] = [];
    await client.watch('@introduceDomain', ({ path }) => seen.push(path));
    await expect.poll(() => seen).toHaveLength(1);
    await dom0.xenstored.down();
    await dom0.xenstored.up();
    await expect.poll(() => seen).toHaveLength(2);
    dom0.model.start('media');
    await expect.poll(() => seen).toHaveLength(3);
  });
});

describe('transactions', () => {
  test('see one moment, and change all at once', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    await client.transaction(async transaction => {
      await transaction.write('/tool/x', '1');
      expect(dom0.model.dom0.store.read('/tool/x')).toBeUndefined();
      expect(await transaction.read('/tool/x')).toBe('1');
    });
    expect(await client.read('/tool/x')).toBe('1');
  });

  test('may look at what they have changed or removed themselves', async () => {
    const client = await xenstore(await running());
    await client.write('/tool/a/b', '1');
    await client.transaction(
      async transaction => {
        await transaction.rm('/tool/a');
        await expect(transaction.read('/tool/a/b')).rejects.toEqual(refused('ENOENT'));
        await transaction.write('/tool/new/x', '2');
        expect(await transaction.directory('/tool/new')).toEqual(['x']);
      },
      { maxAttempts: 1 },
    );
    expect(await client.directory('/tool')).toEqual(['new']);
  });

  test('fail with EAGAIN when what they looked at has changed', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    await client.write('/tool/x', '1');
    let runs = 0;
    const result = await client.transaction(async transaction => {
      runs += 1;
      const value = await transaction.read('/tool/x');
      if (runs === 1) dom0.model.dom0.store.write('/tool/x', '2');
      await transaction.write('/tool/y', value);
      return value;
    });
    expect([runs, result]).toEqual([2, '2']);
  });

  test('fail when something absent has come, and are untouched by what they did not look at', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    const attempt = (path: string) =>
      client.transaction(
        async transaction => {
          await transaction.read('/tool/absent').catch((error: unknown) => expect(error).toBeInstanceOf(XenstoreError));
          dom0.model.dom0.store.write(path, '');
          await transaction.write('/tool/mine', '');
        },
        { maxAttempts: 1 },
      );
    await client.mkdir('/tool/mine');
    await attempt('/tool/other/x');
    await expect(attempt('/tool/absent')).rejects.toEqual(refused('EAGAIN'));
  });
});

describe('hostile input', () => {
  test.each([
    ['an unknown request', { type: 99, payload: Buffer.alloc(0) }, 'ENOSYS'],
    ['a path without its end', { type: MessageType.Read, payload: Buffer.from('/tool') }, 'EINVAL'],
    ['a path with forbidden characters', { type: MessageType.Read, payload: encodeStrings('/to ol') }, 'EINVAL'],
    ['a path that is too long', { type: MessageType.Read, payload: encodeStrings(`/${'a'.repeat(3500)}`) }, 'EINVAL'],
    ['removing everything', { type: MessageType.Remove, payload: encodeStrings('/') }, 'EINVAL'],
    ['bad permissions', { type: MessageType.SetPermissions, payload: encodeStrings('/local', 'x1') }, 'EINVAL'],
    ['a transaction that is not', { type: MessageType.TransactionEnd, payload: encodeStrings('T') }, 'ENOENT'],
  ])('%s is answered', async (_name, request, code) => {
    const dom0 = await running();
    const socket = connect(dom0.layout.xenstoreSocket);
    socket.write(encodeFrame({ requestId: 7, transactionId: 0, ...request }));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect([answer.readUInt32LE(0), answer.readUInt32LE(4), answer.toString('latin1', 16)]).toEqual([
      16,
      7,
      `${code}\0`,
    ]);
    socket.destroy();
  });

  test('a message that is too long ends its connection, and no other', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    const socket = connect(dom0.layout.xenstoreSocket);
    socket.on('error', () => undefined);
    socket.write(encodeFrame({ type: 2, requestId: 1, transactionId: 0, payload: Buffer.alloc(5000) }));
    await hungUp(socket);
    expect(await client.read('/local/domain/0/name')).toBe('Domain-0');
  });

  test('any bytes leave the daemon alive', async () => {
    const dom0 = await running();
    const client = await xenstore(dom0);
    const bytes = fc.uint8Array({ maxLength: 60 });
    const header = fc.tuple(fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 2 }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(header, bytes), { maxLength: 5 }), async frames => {
        const socket = connect(dom0.layout.xenstoreSocket);
        socket.on('error', () => undefined);
        for (const [[type, transactionId], payload] of frames) {
          socket.write(encodeFrame({ type, requestId: 1, transactionId, payload: Buffer.from(payload) }));
        }
        socket.end();
        socket.resume();
        await hungUp(socket);
        expect(await client.isDomainIntroduced(1)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
