import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { readLiveStatus } from '../../src/daemon/status-file.ts';
import { type CapturedShell, capturedShell } from '../unit/cli/captured-shell.ts';
import { formsOf } from './program-calls.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';
const ANEW = '\r\u001b[K';

function manifest(domain: string): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: web}\nspec:\n  domain: ${domain}\n  devices:\n    - {name: lan, address: "${NIC}"}\n`;
}

let host: SimulatedHost;
let folder = '';
let file = '';
beforeAll(async () => {
  host = await simulatedHost();
  host.write('web.yaml', manifest('sys-net'));
  folder = mkdtempSync('/tmp/xenpci-progress-');
  file = join(folder, 'web.yaml');
  writeFileSync(file, manifest('storage'));
});
afterAll(async () => {
  await host.end();
  rmSync(folder, { recursive: true });
});

interface Running {
  readonly args: readonly string[];
  readonly shell: CapturedShell;
  readonly ended: Promise<number>;
}

function start(args: readonly string[], isTerminal = true): Running {
  const shell = capturedShell({ env: { XENPCI_ROOT: host.root }, isTerminal, columns: 80 });
  return { args, shell, ended: runProgram(args, shell) };
}

/** xenstored as one that takes connections and never answers. @returns its end, with which every request fails. */
async function silentStore(): Promise<() => Promise<void>> {
  const { xenstored } = host.dom0;
  await xenstored.down();
  const sockets = new Set<Socket>();
  const server = createServer(socket => void sockets.add(socket.on('error', () => undefined)));
  await rm(xenstored.path, { force: true });
  await new Promise<void>(resolve => server.listen(xenstored.path, resolve));
  return async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise(resolve => server.close(resolve));
    await xenstored.up();
  };
}

/** What a terminal shows at the end of a text. */
function lastLine(text: string): string {
  return text.split('\n').at(-1)?.split(ANEW).at(-1) ?? '';
}

/** Every command that looks at the host. */
const LOOKS: readonly (readonly string[])[] = [
  ['plan'],
  ['get', 'devices'],
  ['get', 'assignments'],
  ['describe', 'device', NIC],
  ['describe', 'assignment', 'web'],
  ['wait', 'web', '--for', 'condition=Ready'],
  ['export'],
  ['boot-hide'],
  ['approve'],
  ['doctor'],
  ['ui'],
];

/** Those that answer at once, or talk of what they do all the time; hook is called by libvirt, which is no terminal. */
const OTHERS = ['run', 'completion', 'explain', 'version', 'hook', 'events', 'validate', 'suspend', 'resume'];

test('every command that looks shows on a terminal that it does, and nothing is left of that', {
  timeout: 300_000,
}, async () => {
  const answer = await silentStore();
  const calls = [
    ...LOOKS,
    ['apply', file, '--dry-run'],
    ['report', join(folder, 'page.html')],
    ['reconcile', '--once'],
  ];
  const running = calls.map(args => start(args));
  const piped = start(['plan'], false);
  for (const { args, shell } of running) {
    await vi.waitFor(
      () => expect(lastLine(shell.err()), args.join(' ')).toMatch(/^(looking|checking|waiting).* \(\d+ s\)$/),
      { timeout: 60_000 },
    );
  }
  expect(piped.shell.err()).toBe('');
  const doctor = running.find(({ args }) => args[0] === 'doctor');
  expect(lastLine(doctor?.shell.err() ?? '')).toMatch(/^checking .*xenstore/);
  await answer();
  for (const { shell, ended } of running) {
    await vi.waitFor(() => expect(lastLine(shell.err())).toBe(''), { timeout: 60_000 });
    shell.stop();
    await ended;
    expect(lastLine(shell.err())).toBe('');
    expect(shell.out()).not.toContain(ANEW);
  }
  await piped.ended;
  expect(`${piped.shell.out()}${piped.shell.err()}`).not.toContain('\u001b');
});

test('so do those that wait for the running controller', { timeout: 300_000 }, async () => {
  const controller = start(['run', '--log', 'json'], false);
  onTestFinished(async () => {
    controller.shell.stop();
    await controller.ended;
  });
  await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined(), { timeout: 60_000 });
  const answer = await silentStore();
  for (const args of [
    ['reconcile', '--timeout', '200'],
    ['try', file],
  ]) {
    const { shell, ended } = start(args);
    await vi.waitFor(() => expect(lastLine(shell.err()), args.join(' ')).toMatch(/^(looking|waiting).* \(\d+ s\)$/), {
      timeout: 60_000,
    });
    shell.stop();
    if (args[0] === 'try') await answer();
    await ended;
    expect(lastLine(shell.err())).toBe('');
  }
});

test('no command is left out', async () => {
  const here = new Set([...LOOKS.map(([name]) => name), 'apply', 'report', 'reconcile', 'try', ...OTHERS]);
  const all = new Set((await formsOf(capturedShell())).map(([name]) => name));
  expect([...all].filter(name => !here.has(name))).toEqual([]);
});
