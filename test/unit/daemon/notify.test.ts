import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Status } from '../../../src/controller/status-types.ts';
import { Notifier } from '../../../src/daemon/notify.ts';
import { asService, statusText } from '../../../src/daemon/service.ts';
import type { SessionParts } from '../../../src/daemon/session.ts';
import { emptyFolder } from '../../../src/source/problem.ts';
import { observed, source } from '../../world.ts';
import { lookAt } from './api/served.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xenpci-notify-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A `systemd-notify` that notes what it is told, one line for each call. */
function noted(more = ''): { readonly lines: () => string[] } {
  const program = join(folder, 'systemd-notify');
  const log = join(folder, 'log');
  writeFileSync(log, '');
  writeFileSync(program, `#!/bin/sh\n(IFS='|'; echo "$*") >>${log}\n${more}`);
  chmodSync(program, 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
  return { lines: () => readFileSync(log, 'utf8').split('\n').slice(0, -1) };
}

const status = (assignments: readonly ('True' | 'False')[], problems = 0): Status =>
  ({
    assignments: assignments.map((ready, index) => ({
      name: `a${index}`,
      conditions: [{ type: 'Ready', status: ready }],
    })),
    problems: Array.from({ length: problems }, () => ({})),
    devices: [],
  }) as unknown as Status;

describe('the notifier', () => {
  test('tells in order, and of what is said while it tells only the last', async () => {
    const { lines } = noted();
    const notifier = new Notifier(message => expect.unreachable(message));
    notifier.tell({ READY: '1', STATUS: 'one' });
    notifier.tell({ STATUS: 'two\nlines', WATCHDOG: '1' });
    notifier.tell({ STATUS: 'three' });
    await notifier.close();
    expect(lines()).toEqual(['READY=1|STATUS=one', 'STATUS=three|WATCHDOG=1']);
  });

  test('says once that systemd cannot be told', async () => {
    noted('echo "no socket" >&2; exit 1\n');
    const errors: string[] = [];
    const notifier = new Notifier(message => errors.push(message));
    for (const text of ['a', 'b', 'c']) {
      notifier.tell({ STATUS: text });
      await notifier.close();
    }
    expect(errors).toEqual([expect.stringContaining('systemd-notify failed with exit code 1: no socket')]);
  });

  test('has nothing to tell with: it says so and goes on', async () => {
    vi.stubEnv('PATH', folder);
    const errors: string[] = [];
    const notifier = new Notifier(message => errors.push(message));
    notifier.tell({ READY: '1' });
    await notifier.close();
    expect(errors).toHaveLength(1);
  });
});

describe('as a service', () => {
  const parts = { log: () => undefined } as unknown as SessionParts;
  const noStop = (): (() => void) => () => undefined;

  test('ready with the first pass, fed by each pass, and stopping when that is asked for', async () => {
    const { lines } = noted();
    let stop = (): void => undefined;
    const onStop = (listener: () => void): (() => void) => {
      stop = listener;
      return () => undefined;
    };
    const settled = (): Promise<void> => vi.waitFor(() => expect(lines()).not.toEqual(before), { timeout: 20_000 });
    let before: string[] = [];
    await asService('/socket', parts, onStop, async given => {
      given.onReport?.({ type: 'StatusChanged', status: status(['True', 'False']) });
      expect(lines()).toEqual([]);
      const look = lookAt(observed([], []), source([]));
      for (const pass of [{ look }, {}, { look }]) {
        given.onPass?.({ durationMs: 40, backingOff: 0, ...pass });
        await settled();
        before = lines();
      }
      stop();
    });
    expect(lines()).toEqual([
      'READY=1|WATCHDOG=1|STATUS=1 of 2 assignments are ready',
      'READY=1|WATCHDOG=1|STATUS=the host cannot be looked at',
      'READY=1|WATCHDOG=1|STATUS=1 of 2 assignments are ready',
      'STOPPING=1|STATUS=stopping',
    ]);
  });

  test.each([[undefined], ['']])('nobody is told where nobody listens (%j)', async socket => {
    const { lines } = noted();
    const result = await asService(socket, parts, noStop, async given => {
      expect(given.onPass).toBeUndefined();
      return 7;
    });
    expect([result, lines()]).toEqual([7, []]);
  });

  test.each<[Status, string]>([
    [status([]), 'no assignments'],
    [status(['True']), '1 of 1 assignment is ready'],
    [status(['True', 'False'], 2), '1 of 2 assignments are ready; 2 problems in the manifests'],
    [status([], 1), 'no assignments; 1 problem in the manifests'],
  ])('status %#', (given, text) => {
    expect(statusText(given)).toBe(text);
  });

  test('a folder without manifests, as after the installation, is no problem while nothing is in force', () => {
    const problems = [emptyFolder('/m')];
    expect(statusText({ ...status([]), problems })).toBe('there are no manifests yet');
    expect(statusText({ ...status(['True']), problems })).toBe(
      '1 of 1 assignment is ready; 1 problem in the manifests',
    );
  });
});

/** What arrives at a datagram socket, as systemd has one; python3 because Node has none. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", "|"), flush=True)
`;

const able = ['python3', 'systemd-notify'].every(name => spawnSync(name, ['--version']).status === 0);

describe('a real socket', () => {
  test.skipIf(!able)('gets what was told, by the real systemd-notify (needs python3 and systemd-notify)', async () => {
    const path = join(folder, 'socket');
    const receiver: ChildProcess = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void receiver.kill());
    const seen: string[] = [];
    const lines = createInterface({ input: receiver.stdout as NodeJS.ReadableStream });
    lines.on('line', line => seen.push(line));
    await once(lines, 'line');
    vi.stubEnv('NOTIFY_SOCKET', path);
    const notifier = new Notifier(message => expect.unreachable(message));
    notifier.tell({ READY: '1', STATUS: '2 of 2 assignments are ready' });
    await notifier.close();
    notifier.tell({ WATCHDOG: '1' });
    await notifier.close();
    await vi.waitFor(() => expect(seen.some(line => line.startsWith('WATCHDOG=1'))).toBe(true), { timeout: 20_000 });
    // BARRIER is how systemd-notify waits until its notice has been taken.
    const told = seen
      .slice(1)
      .map(line => line.replace(/\|$/, ''))
      .filter(line => !line.startsWith('BARRIER'));
    expect(told).toEqual(['READY=1|STATUS=2 of 2 assignments are ready', 'WATCHDOG=1']);
  });
});
