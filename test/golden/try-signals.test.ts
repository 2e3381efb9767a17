import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { readLiveStatus } from '../../src/daemon/status-file.ts';
import { observe } from '../../src/simulator/index.ts';
import { type CapturedShell, CHECKOUT, capturedShell } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';
const PATIENCE = { timeout: 60_000, interval: 50 };

function manifest(domain: string): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: web}\nspec:\n  domain: ${domain}\n  devices:\n    - {name: lan, address: "${NIC}"}\n`;
}

let host: SimulatedHost;
let folder = '';
let controller: Promise<number>;
let log: CapturedShell;
const record = (): string => join(host.dom0.layout.state, 'trial.json');
const written = (): string => readFileSync(join(host.dom0.layout.manifests, 'web.yaml'), 'utf8');
const holder = (): string | undefined => {
  const place = observe(host.dom0.model).devices.get(address(NIC))?.place;
  return place?.at === 'guest' ? place.domain : place?.at;
};

beforeAll(async () => {
  host = await simulatedHost();
  host.write('web.yaml', manifest('sys-net'));
  folder = mkdtempSync('/tmp/xenpci-signals-');
  writeFileSync(join(folder, 'web.yaml'), manifest('storage'));
  await build({
    entryPoints: [join(CHECKOUT, 'src/main.ts')],
    outfile: join(folder, 'xenpci.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    logLevel: 'error',
  });
  log = capturedShell({ env: { XENPCI_ROOT: host.root } });
  controller = runProgram(['run', '--log', 'json'], log);
  await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined(), PATIENCE);
}, 120_000);
afterAll(async () => {
  log.stop();
  await controller;
  await host.end();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  const args = ['wait', 'web', '--for', 'condition=Ready', '--timeout', '100'];
  expect((await run(args, { env: { XENPCI_ROOT: host.root } })).code).toBe(0);
  expect(holder()).toBe('sys-net');
}, 120_000);

/** Starts a program that runs a shell's line, until the device is where the trial wants it. */
async function trying(program: string, args: readonly string[]): Promise<ChildProcess> {
  const env = { ...process.env, XENPCI_ROOT: host.root };
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await vi.waitFor(() => expect(holder()).toBe('storage'), PATIENCE);
  return child;
}

const words = (): string[] => [join(folder, 'xenpci.cjs'), 'try', join(folder, 'web.yaml'), '--timeout', '1h'];

test('SIGTERM takes a trial of the real program back at once', { timeout: 180_000 }, async () => {
  const child = await trying(process.execPath, words());
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([1, null]);
  await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
  await vi.waitFor(() => expect(existsSync(record())).toBe(false), PATIENCE);
  expect(written()).toBe(manifest('sys-net'));
});

test('kill -9 leaves it to the controller, and so does a terminal that goes: it can be taken back', {
  timeout: 300_000,
}, async () => {
  const killed = await trying(process.execPath, words());
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  await takenBack();

  const note = join(folder, 'pid');
  const line = `echo $$ >${note}; exec ${[process.execPath, ...words()].join(' ')}`;
  const terminal = await trying('script', ['-qfc', line, '/dev/null']);
  const program = Number(readFileSync(note, 'utf8'));
  expect(lives(program)).toBe(true);
  // Whoever held the terminal is gone, and the kernel hangs it up.
  terminal.kill('SIGKILL');
  await vi.waitFor(() => expect(lives(program)).toBe(false), PATIENCE);
  await takenBack();
});

/** The trial is still on, and a person who logs in again ends it. */
async function takenBack(): Promise<void> {
  expect(holder()).toBe('storage');
  const { code, out } = await run(['try', '--revert'], { env: { XENPCI_ROOT: host.root } });
  expect([code, out]).toEqual([0, 'Taken back: what was wanted before is wanted again.\n']);
  await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
  await vi.waitFor(() => expect(existsSync(record())).toBe(false), PATIENCE);
  expect(written()).toBe(manifest('sys-net'));
}

/** A process that nobody waits for is a zombie where the first process of a container does not, so its state is read. */
function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
