import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { socketPath } from '../../../../src/daemon/api/socket-file.ts';
import { assignment, device, domain, entry, observed, source } from '../../../world.ts';
import { tempLayout } from '../temp-layout.ts';
import { lookAt, served } from './served.ts';

const NIC = '0000:03:00.0';
const HOSTILE = 'red\u001b[31m\u009b1m"\n</script>';

const look = () =>
  lookAt(
    observed([device(NIC, { at: 'host' })], [domain('red', { domid: 1 }), domain(HOSTILE, { domid: 2 })]),
    source([assignment('web', 'red', [entry('lan', NIC)])]),
  );

describe('the API', () => {
  test('shows assignments, devices, domains and the plan of the last look, in the shapes of get -o json', async () => {
    const { get, pass } = await served();
    pass(look());
    const read = async (url: string): Promise<Record<string, unknown>> => {
      const { code, type, text } = await get(url);
      expect([code, type]).toEqual([200, 'application/json; charset=utf-8']);
      return JSON.parse(text) as Record<string, unknown>;
    };
    expect(await read('/v1/assignments')).toMatchObject({
      kind: 'PCIAssignmentList',
      items: [
        { kind: 'PCIAssignment', metadata: { name: 'web' }, status: { devices: [{ address: NIC, ready: false }] } },
      ],
    });
    expect(await read('/v1/assignments/web')).toMatchObject({ kind: 'PCIAssignment', metadata: { name: 'web' } });
    expect(await read('/v1/devices/03:00.0')).toMatchObject({ kind: 'PCIDevice', metadata: { name: NIC } });
    expect(await read('/v1/devices')).toMatchObject({ items: [{ status: { place: { at: 'host' } } }] });
    expect(await read('/v1/domains')).toMatchObject({
      items: [{ metadata: { name: 'red', uid: 'uuid-red' }, status: { domid: 1, assignments: ['web'] } }, {}],
    });
    expect(await read('/v1/plan')).toMatchObject({
      kind: 'Plan',
      status: { steps: expect.arrayContaining([expect.objectContaining({ text: `bind ${NIC} to pciback` })]) },
    });
  });

  test('is not obeyed by a terminal whatever a domain is called', async () => {
    const { get, pass } = await served();
    pass(look());
    const { text } = await get('/v1/domains');
    expect(text.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect((JSON.parse(text) as { items: { metadata: { name: string } }[] }).items[1]?.metadata.name).toBe(HOSTILE);
  });

  test.each([
    ['/v1/assignments/none', 404],
    ['/v1/devices/0000:77:00.0', 404],
    ['/v1/devices/nonsense', 404],
    ['/v1/__proto__', 404],
    ['/v1/constructor/x', 404],
    ['/v1/plan/x', 404],
    ['/v1/assignments/web/x', 404],
    ['/v2/devices', 404],
    ['/v1/assignments/%ff', 400],
    ['/v1/events?for=pod/x', 400],
    ['//', 400],
    [`/${'x'.repeat(10_000)}`, 431],
  ])('%s is answered with %i', async (url, code) => {
    const { get, pass } = await served();
    pass(look());
    expect((await get(url)).code).toBe(code);
  });

  test('changes nothing: every other method, and every body, is refused', async () => {
    const { get, warnings } = await served();
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      expect((await get('/v1/devices', { method })).code).toBe(405);
    }
    expect((await get('/v1/events', { headers: { 'content-length': '2' }, body: '{}' })).code).toBe(413);
    expect((await get('/healthz', { method: 'HEAD' })).text).toBe('');
    expect(warnings).toEqual([]);
  });

  test('says whether it is alive and ready', async () => {
    const { get, pass } = await served();
    expect((await get('/healthz')).code).toBe(200);
    expect(await get('/readyz')).toMatchObject({ code: 503, text: 'the host has not been looked at yet\n' });
    expect((await get('/v1/devices')).code).toBe(503);
    pass(look());
    expect(await get('/readyz')).toMatchObject({ code: 200, text: 'ok\n' });
    pass();
    expect(await get('/readyz')).toMatchObject({ code: 503, text: 'the host could not be looked at last time\n' });
    expect((await get('/v1/devices')).code).toBe(200);
  });

  test('what is no HTTP is hung up on, and others are still answered', async () => {
    const { get, path } = await served();
    const socket = connect(path);
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.on('error', () => undefined).write('\u0000\u0001 nonsense\r\n\r\n');
    socket.resume();
    await closed;
    expect((await get('/healthz')).code).toBe(200);
  });
});

describe('the socket', () => {
  test("is its owner's alone where there is no group, and goes with the controller", async () => {
    const { path, close } = await served();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await close();
    expect(existsSync(path)).toBe(false);
  });

  test.runIf(process.getuid?.() === 0)('is open to the group xenpci where there is one', async () => {
    const layout = tempLayout();
    mkdirSync(`${layout.root}/etc`, { recursive: true });
    writeFileSync(`${layout.root}/etc/group`, 'root:x:0:\nxenpci:x:4242:somebody\n');
    const { path } = await served({}, layout);
    const { mode, gid } = statSync(path);
    expect([mode & 0o777, gid]).toEqual([0o660, 4242]);
    const folder = statSync(dirname(path));
    expect([folder.mode & 0o777, folder.gid]).toEqual([0o750, 4242]);
  });

  test('takes the place of what an earlier controller left', async () => {
    const layout = tempLayout();
    mkdirSync(layout.runtime, { recursive: true });
    writeFileSync(socketPath(layout), 'left behind');
    const { get } = await served({}, layout);
    expect((await get('/healthz')).code).toBe(200);
  });

  test('that cannot be had is told of, and the rest goes on', async () => {
    const layout = { ...tempLayout(), runtime: `/tmp/${'long'.repeat(30)}` };
    const { warnings, journal } = await served({}, layout);
    expect(warnings.join()).toMatch(/^the API at .* cannot be served: /);
    expect(journal.events).toEqual([]);
  });
});
