import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { VERSION } from '../../src/cli/version.ts';
import { lastLook } from '../../src/daemon/api/last-look.ts';
import { socketPath } from '../../src/daemon/api/socket-file.ts';
import { type CapturedShell, CHECKOUT, capturedShell } from '../unit/cli/captured-shell.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NOBODY = 65_534;
const AS_ROOT = process.getuid?.() === 0;

let host: SimulatedHost;
let shell: CapturedShell;
let controller: Promise<number>;

function manifest(name: string, domain: string, device: string): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${name}}\nspec:\n  domain: ${domain}\n  devices:\n    - {name: lan, address: "${device}"}\n`;
}

beforeAll(async () => {
  host = await simulatedHost();
  host.write('web.yaml', manifest('web', 'sys-net', '0000:01:00.0'));
  host.write('waits.yaml', manifest('waits', 'legacy', '0000:03:00.0'));
  host.write('refused.yaml', manifest('refused', 'media', '0000:00:1a.0'));
  host.write('broken.yaml', 'kind: PCIAssignment\n');
  mkdirSync(join(host.root, 'etc'), { recursive: true });
  writeFileSync(join(host.root, 'etc/group'), `root:x:0:\nxenpci:x:${NOBODY}:\n`);
  shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  controller = runProgram(['run', '--log', 'json'], shell);
  // In place is what can be: from here on nothing moves.
  await vi.waitFor(async () => {
    const answer = await lastLook(host.dom0.layout, { version: VERSION });
    const devices = 'look' in answer ? answer.look.status.devices : [];
    expect(devices.map(({ have, underWay, steps }) => [have?.at, underWay, steps.length])).toEqual([
      ['host', undefined, 0],
      ['guest', undefined, 0],
      ['assignable', undefined, 0],
    ]);
  }, 120_000);
}, 180_000);

afterAll(async () => {
  shell.stop();
  expect(await controller).toBe(0);
  await host.end();
}, 60_000);

async function shown(args: readonly string[]) {
  const { code, out, err } = await run(args, { env: { XENPCI_ROOT: host.root } });
  // Ages may differ by a second, and events come between.
  const same = (text: string): string =>
    host
      .golden(text)
      .replaceAll(/\d+(\.\d+)? ?(ms|s|min|h)\b/g, 'AGE')
      .replaceAll(/\d\d:\d\d:\d\dZ?/g, 'TIME');
  return { code, out: same(out).replaceAll(/ {2,}/g, '  '), err: same(err) };
}

describe('beside a controller', { timeout: 120_000 }, () => {
  test.each([
    ...['table', 'wide', 'json', 'yaml', 'name'].flatMap(format => [
      ['get', 'devices', '-o', format],
      ['get', 'assignments', '-o', format],
    ]),
    ['get', 'devices', '01:00.0', '-o', 'json'],
    ['get', 'assignments', 'web', '-o', 'yaml'],
    ['get', 'assignments', 'nonesuch'],
    ...['00:1a.0', '01:00.0', '03:00.0', '05:00.0'].map(at => ['describe', 'device', at]),
    ...['web', 'waits', 'refused', 'nonesuch'].map(name => ['describe', 'assignment', name]),
    ['report'],
  ])('%s %s %s %s shows the same bytes through it and directly', async (...args) => {
    const given = args.filter(arg => arg !== undefined);
    expect(await shown(given)).toEqual(await shown([...given, '--direct']));
  });
});

describe('a user who is not root', { timeout: 120_000 }, () => {
  async function asUser(ids: { uid?: number; gid?: number }, ...args: string[]) {
    const program = [join(host.root, 'xenpci.cjs'), ...args, '--root', host.root];
    const child = spawn(process.execPath, program, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], ...ids });
    const texts = { out: '', err: '' };
    child.stdout.on('data', (part: Buffer) => (texts.out += part.toString()));
    child.stderr.on('data', (part: Buffer) => (texts.err += part.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, ...texts };
  }

  beforeAll(async () => {
    const entryPoints = [join(CHECKOUT, 'src/main.ts')];
    const outfile = join(host.root, 'xenpci.cjs');
    await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
    chmodSync(host.root, 0o755);
  }, 120_000);

  test.runIf(AS_ROOT)('sees what the controller sees as a member of the group', async () => {
    const { code, out } = await asUser({ uid: NOBODY, gid: NOBODY }, 'get', 'devices', '01:00.0');
    expect(code).toBe(0);
    expect(out).toMatch(/0000:01:00\.0 +guest sys-net /);
  });

  test.runIf(AS_ROOT)('sees events, assignments and one that comes true as a member of the group', async () => {
    const member = { uid: NOBODY, gid: NOBODY };
    const events = await asUser(member, 'events', '--for', 'assignment/web');
    expect([events.code, events.err]).toEqual([0, '']);
    expect(events.out).toMatch(/StepPerformed +device\/0000:01:00\.0 +attach 0000:01:00\.0/);
    expect((await asUser(member, 'get', 'assignments', 'web', '-o', 'name')).out).toBe('assignment/web\n');
    expect(await asUser(member, 'wait', 'web', '--for', 'condition=Ready', '--timeout', '60')).toEqual({
      code: 0,
      out: 'assignment/web condition met\n',
      err: '',
    });
    const missing = await asUser(member, 'wait', 'nonesuch', '--for', 'condition=Ready', '--timeout', '60');
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('there is no assignment "nonesuch"')]);
    expect((await asUser(member, 'report')).out).toContain('What happened');
  });

  test.runIf(AS_ROOT)('is told that it may not see events when it is no member', async () => {
    const { code, err } = await asUser({ uid: NOBODY, gid: NOBODY - 1 }, 'events');
    expect([code, err]).toEqual([2, expect.stringContaining('cannot be read by this user, and the controller cannot')]);
  });

  test
    .runIf(AS_ROOT)
    .each([
      [['suspend', 'web']],
      [['apply', '/tmp/web.yaml']],
      [['try', '/tmp/web.yaml']],
      [['reconcile']],
      [['reconcile', '--once']],
      [['approve']],
      [['resume', '--all']],
      [['run']],
      [['plan']],
      [['export']],
      [['boot-hide']],
    ])('is told who may, and nothing that it cannot know: %j', async args => {
    const { code, out, err } = await asUser({ uid: NOBODY, gid: NOBODY - 1 }, ...args);
    expect([code, out]).toEqual([2, '']);
    const [error = '', whoMay = '', ...more] = err.split('\n');
    expect(error).toMatch(/^error: .*(?:is closed to this user|EACCES)/);
    expect(whoMay).toBe(`You are not root, who may: sudo xenpci ${args.join(' ')} --root ${host.root}`);
    expect(more).toEqual(['']);
  });

  test.runIf(AS_ROOT)('is not told by doctor that what it may not look at is broken', async () => {
    const { out } = await asUser({ uid: NOBODY, gid: NOBODY - 1 }, 'doctor', '-o', 'json');
    const { checks } = JSON.parse(out) as { checks: { name: string; result: string; message: string }[] };
    const shut = checks.filter(({ message }) => message === 'not checked: only root may look at it');
    expect(shut.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['xl', 'xenstore', 'libvirt', 'controller', 'domains']),
    );
    // One of this host's manifests is broken, which everybody may read.
    expect(checks.filter(({ result }) => result === 'failure').map(({ name }) => name)).toEqual(['manifests']);
  });

  test('is told of the group when the host cannot be looked at either', async () => {
    const socket = socketPath(host.dom0.layout);
    // A member of another group; whoever runs the tests otherwise is kept out by the modes alone.
    const ids = AS_ROOT ? { uid: NOBODY, gid: NOBODY - 1 } : {};
    if (!AS_ROOT) for (const path of [socket, host.dom0.layout.xenstoreSocket]) chmodSync(path, 0);
    const { code, err } = await asUser(ids, 'get', 'devices');
    expect(code).toBe(2);
    expect(err).toMatch(/^error: /);
    expect(err).toContain(`\nyou are not in group xenpci, which may ask the controller at ${socket}\n`);
  });
});
