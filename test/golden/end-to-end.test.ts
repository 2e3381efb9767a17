import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { dom0Layout } from '../../src/api/layout.ts';
import { socketPath } from '../../src/daemon/api/socket-file.ts';
import { readLiveStatus } from '../../src/daemon/status-file.ts';
import { createHost } from '../../src/host/index.ts';
import { observe, runXl } from '../../src/simulator/index.ts';
import { CHECKOUT } from '../unit/cli/captured-shell.ts';
import { get } from '../unit/daemon/api/served.ts';
import { address } from '../world.ts';
import { simulatedHost } from './simulated-host.ts';

/** A package as it is installed: the bundle, the samples, and a symbolic link to the program. */
let folder = '';
let link = '';

beforeAll(async () => {
  folder = mkdtempSync('/tmp/xenpci-package-');
  await build({
    entryPoints: [join(CHECKOUT, 'src/main.ts')],
    outfile: join(folder, 'dist/xenpci.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    logLevel: 'error',
  });
  mkdirSync(join(folder, 'bin'));
  link = join(folder, 'bin/xenpci');
  symlinkSync('../dist/xenpci.cjs', link);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Program {
  readonly child: ChildProcess;
  readonly out: () => string;
  /** Resolves with the exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
}

function start(...args: string[]): Program {
  const child = spawn(process.execPath, [link, ...args], { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => code ?? signal ?? '');
  return { child, out: () => out, ended };
}

const PATIENCE = { timeout: 20_000, interval: 50 };

/** Where the samples' devices are, asked of a simulated dom0 from outside. */
async function placesIn(root: string): Promise<Record<string, string>> {
  const host = createHost(dom0Layout(root));
  try {
    const { devices } = await host.observe(AbortSignal.timeout(5_000));
    const held = [...devices.values()].filter(device => device.place.at !== 'host');
    return Object.fromEntries(
      held.map(({ address, place }) => [address, place.at === 'guest' ? place.domain : place.at]),
    );
  } finally {
    await host.close();
  }
}

function sample(name: string): string {
  const path = join(folder, 'manifests/samples', name);
  if (!existsSync(path))
    cpSync(join(CHECKOUT, 'manifests/samples'), join(folder, 'manifests/samples'), { recursive: true });
  return path;
}

describe('run --host simulated', () => {
  test('the samples get into place, an edited sample moves a device, Ctrl-C leaves nothing behind', async () => {
    const path = sample('sys-net.yaml');
    const { child, out, ended } = start('run', '--host', 'simulated');
    await vi.waitFor(() => expect(out()).toMatch(/sys-net +sys-net +1\/1 +True +InPlace/), PATIENCE);
    expect(out()).toContain('This is a simulated dom0. Nothing of this machine is touched.');
    expect(out()).toContain(`Manifests:  ${folder}/manifests/samples`);
    expect(out().indexOf('Plan:')).toBeLessThan(out().indexOf('✓ bind'));
    const root = /XENPCI_ROOT=(\S+)/.exec(out())?.[1] ?? '';
    expect(await placesIn(root)).toEqual({
      '0000:01:00.0': 'sys-net',
      '0000:02:00.0': 'storage',
      '0000:04:00.0': 'storage',
      '0000:05:00.0': 'assignable',
    });

    // From another shell: the manifests are those of the running controller, and so is the knowledge since when.
    expect(await start('plan', '--root', root).ended).toBe(0);
    const look = start('get', 'assignments', 'sys-net', '--root', root);
    expect(await look.ended).toBe(0);
    expect(look.out()).toMatch(/^NAME .*\nsys-net +sys-net +1\/1 +True +InPlace +\d+s\n$/);

    writeFileSync(path, readFileSync(path, 'utf8').replace('domain: sys-net', 'domain: storage'));
    await vi.waitFor(async () => expect(await placesIn(root)).toMatchObject({ '0000:01:00.0': 'storage' }), PATIENCE);

    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(existsSync(root)).toBe(false);
  });
});

describe('run on a dom0', () => {
  test('the log is JSON, the status is published, a second controller is refused, SIGTERM ends it with 0', async () => {
    const host = await simulatedHost();
    onTestFinished(host.end);
    cpSync(join(CHECKOUT, 'manifests/samples'), host.dom0.layout.manifests, { recursive: true });
    const first = start('run', '--root', host.root);
    await vi.waitFor(async () => {
      const live = await readLiveStatus(host.dom0.layout);
      expect(live?.writer.pid).toBe(first.child.pid);
      expect(live?.status.assignments.map(each => each.conditions.map(({ status }) => status))).toEqual([
        ['True'],
        ['True'],
        ['True'],
      ]);
    }, PATIENCE);
    expect(observe(host.dom0.model).devices.get(address('0000:01:00.0'))?.place).toMatchObject({ domain: 'sys-net' });

    // The API of the bundle, with what it loads only then.
    const where = { socketPath: socketPath(host.dom0.layout) };
    expect(await get(where, '/readyz')).toMatchObject({ code: 200, text: 'ok\n' });
    expect((await get(where, '/metrics')).text).toContain('xenpci_assignments{ready="True",reason="InPlace"} 2');
    expect(JSON.parse((await get(where, '/v1/events?for=assignment/sys-net')).text)).toMatchObject({
      kind: 'EventList',
      items: expect.arrayContaining([expect.objectContaining({ action: 'Attach', reason: 'StepPerformed' })]),
    });

    const second = start('run', '--root', host.root);
    expect(await second.ended).toBe(2);
    expect(second.out()).toBe(
      `error: another xenpci (process ${first.child.pid}) already controls this host; stop it first\n`,
    );

    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    const lines = first
      .out()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as { event: string });
    expect(lines.filter(line => line.event === 'StepPerformed').length).toBeGreaterThanOrEqual(9);
    expect(lines.at(-1)).toMatchObject({ event: 'Stopping' });
    expect(await readLiveStatus(host.dom0.layout)).toBeUndefined();
    expect(existsSync(socketPath(host.dom0.layout))).toBe(false);
    expect(host.dom0.model.dom0.violations).toEqual([]);
  });

  test('a trial goes back although whoever began it and the controller were killed in the middle of it', async () => {
    const host = await simulatedHost();
    onTestFinished(host.end);
    const device = address('0000:01:00.0');
    const text = (domain: string): string =>
      `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: web}\nspec: {domain: ${domain}, devices: [{name: lan, address: "${device}"}]}\n`;
    const holder = (): string | undefined => {
      const place = observe(host.dom0.model).devices.get(device)?.place;
      return place?.at === 'guest' ? place.domain : place?.at;
    };
    const path = host.write('web.yaml', text('sys-net'));
    const draft = join(host.root, 'web.yaml');
    writeFileSync(draft, text('storage'));

    const first = start('run', '--root', host.root);
    expect(await start('wait', 'web', '--for', 'condition=Ready', '--timeout', '60', '--root', host.root).ended).toBe(
      0,
    );
    await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined(), PATIENCE);
    const trying = start('try', draft, '--timeout', '1h', '--root', host.root);
    await vi.waitFor(() => expect(holder()).toBe('storage'), PATIENCE);
    trying.child.kill('SIGKILL');
    first.child.kill('SIGKILL');
    expect([await trying.ended, await first.ended]).toEqual(['SIGKILL', 'SIGKILL']);

    // The hour passes.
    const file = join(host.dom0.layout.state, 'trial.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as { trial: object };
    writeFileSync(file, JSON.stringify({ ...record, trial: { ...record.trial, timeoutMs: 1 } }));
    expect(holder()).toBe('storage');
    const second = start('run', '--root', host.root);
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
    expect(readFileSync(path, 'utf8')).toBe(text('sys-net'));
    await vi.waitFor(() => expect(existsSync(file)).toBe(false), PATIENCE);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    expect(second.out()).toContain('nobody confirmed it in time');
  });

  test('a step under way ends before the program does; a second signal does not wait for it', async () => {
    const host = await simulatedHost();
    onTestFinished(host.end);
    cpSync(join(CHECKOUT, 'manifests/samples'), host.dom0.layout.manifests, { recursive: true });
    const device = address('0000:01:00.0');
    const attaching = async (): Promise<Program> => {
      host.dom0.faults.add({ operation: 'attach', device, delayMs: 3_000 });
      const program = start('run', '--root', host.root, '--log', 'text');
      // Its line in the log comes earlier than its call to libvirt.
      await vi.waitFor(() => expect(host.dom0.faults.pending).toBe(0), PATIENCE);
      return program;
    };
    const hasty = await attaching();
    hasty.child.kill('SIGTERM');
    await vi.waitFor(() => expect(hasty.out()).toContain('a second signal ends it at once'), PATIENCE);
    hasty.child.kill('SIGTERM');
    expect(await hasty.ended).toBe(130);

    await vi.waitFor(() => expect(observe(host.dom0.model).devices.get(device)?.place.at).toBe('guest'), PATIENCE);
    runXl(host.dom0.model, { argv: ['pci-detach', 'sys-net', '0000:01:00.0'], readConfig: () => '' });

    const patient = await attaching();
    patient.child.kill('SIGTERM');
    expect(await patient.ended).toBe(0);
    expect(observe(host.dom0.model).devices.get(device)?.place.at).toBe('guest');
  });

  test('reconcile --once ends with 0 when all is Ready, and then plan has nothing to do', async () => {
    const host = await simulatedHost();
    onTestFinished(host.end);
    cpSync(join(CHECKOUT, 'manifests/samples'), host.dom0.layout.manifests, { recursive: true });
    expect(await start('plan', '--root', host.root).ended).toBe(1);
    expect(await start('reconcile', '--once', '--root', host.root).ended).toBe(0);
    expect(observe(host.dom0.model).devices.get(address('0000:01:00.0'))?.place).toMatchObject({ domain: 'sys-net' });
    expect(await start('plan', '--root', host.root).ended).toBe(0);
  });
});

test('a reader that goes away early, as head does, is no error', async () => {
  const child = spawn('/bin/sh', ['-c', `"$0" "$1" --help | head -1; exit $?`, process.execPath, link]);
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
});
