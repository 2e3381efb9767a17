import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ExitCode } from '../../src/cli/exit.ts';
import { runProgram } from '../../src/cli/program.ts';
import { readLiveStatus } from '../../src/daemon/status-file.ts';
import { observe } from '../../src/simulator/index.ts';
import { type CapturedShell, capturedShell } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { inOneLine, run, tooLong } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';
const PATIENCE = { timeout: 60_000, interval: 50 };

function manifest(domain: string, more = ''): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: web}\nspec:\n  domain: ${domain}\n${more}  devices:\n    - {name: lan, address: "${NIC}"}\n`;
}

let host: SimulatedHost;
let elsewhere = '';
const env = (): Record<string, string> => ({ XENPCI_ROOT: host.root, SUDO_USER: 'anna' });
const written = (): string => readFileSync(join(host.dom0.layout.manifests, 'web.yaml'), 'utf8');
const record = (): string => join(host.dom0.layout.state, 'trial.json');
const holder = (): string | undefined => {
  const place = observe(host.dom0.model).devices.get(address(NIC))?.place;
  return place?.at === 'guest' ? place.domain : place?.at;
};

/** A file beside the folder. @returns its path. */
function draft(text: string): string {
  const path = join(elsewhere, 'web.yaml');
  writeFileSync(path, text);
  return path;
}

function golden(text: string): string {
  return host.golden(text).replaceAll(/\d\d:\d\d:\d\dZ/g, 'TIME');
}

async function screen(...args: string[]): Promise<string> {
  const { code, out, err } = await run(args, { env: env() });
  return golden(`${out}${err}exit code ${code}\n`);
}

interface Trial {
  readonly shell: CapturedShell;
  readonly ended: Promise<ExitCode>;
  /** What is on the screen at the end, without the line that is written over and over. */
  readonly screen: () => string;
}

/** Begins a trial, and returns when the device is where the trial wants it. */
async function trying(domain: string, ...args: string[]): Promise<Trial> {
  const shell = capturedShell({ env: env(), isTerminal: true });
  const ended = runProgram(['try', draft(manifest(domain)), '--timeout', '1h', ...args], shell);
  await vi.waitFor(() => expect(holder()).toBe(domain), PATIENCE);
  const text = (): string =>
    `${shell.out()}${shell.err()}`.replaceAll(/\r\u001b\[K[^\r\n]*(?=\r)/g, '').replaceAll(/\r|\u001b\[\d*[mK]/g, '');
  const screen = (): string => {
    expect(tooLong(['try'], text())).toEqual([]);
    return golden(text());
  };
  return { shell, ended, screen };
}

beforeAll(async () => {
  host = await simulatedHost();
  elsewhere = mkdtempSync('/tmp/xenpci-try-');
});
afterAll(async () => {
  rmSync(elsewhere, { recursive: true, force: true });
  await host.end();
});

test('without a controller nothing is tried: nobody would go back', async () => {
  host.write('web.yaml', manifest('sys-net'));
  expect(await screen('try', draft(manifest('storage')))).toMatchInlineSnapshot(`
    "error: no controller runs on this host, so nobody would go back in time; nothing
      is tried
    exit code 2
    "
  `);
  expect(await screen('try', '--confirm')).toBe('Nothing is on trial.\nexit code 1\n');
  expect(await screen('try', '--revert')).toBe('Nothing is on trial.\nexit code 1\n');
  expect(existsSync(record())).toBe(false);
});

describe('a trial', { timeout: 180_000 }, () => {
  let controller: Promise<ExitCode>;
  let log: CapturedShell;

  beforeAll(async () => {
    log = capturedShell({ env: { XENPCI_ROOT: host.root } });
    controller = runProgram(['run', '--log', 'json'], log);
    await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined(), PATIENCE);
  });
  afterAll(async () => {
    log.stop();
    expect(await controller).toBe(0);
  });
  beforeEach(async () => {
    host.write('web.yaml', manifest('sys-net'));
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
    const rest = await run(['wait', 'web', '--for', 'condition=Ready', '--timeout', '60'], { env: env() });
    expect(rest.code).toBe(0);
  });

  test('is kept by Enter, and only then the folder has the file', async () => {
    const { shell, ended, screen: text } = await trying('storage');
    expect(written()).toBe(manifest('sys-net'));
    shell.type('');
    expect(await ended).toBe(0);
    expect(written()).toBe(manifest('storage'));
    expect(text()).toMatchInlineSnapshot(`
      "assignment/web configured (on trial until TIME)
      Kept: /m/web.yaml is written.
      On trial until TIME: Enter keeps it, ctrl-C goes back at once.
      "
    `);
    expect(holder()).toBe('storage');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ends at once with %s, and the device is back', async signal => {
    const { shell, ended, screen: text } = await trying('storage');
    shell.stop(signal);
    expect(await ended).toBe(1);
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
    expect(written()).toBe(manifest('sys-net'));
    expect(text()).toMatchInlineSnapshot(`
      "assignment/web configured (on trial until TIME)
      Taken back: what was wanted before is wanted again.
      On trial until TIME: Enter keeps it, ctrl-C goes back at once.
      "
    `);
  });

  test('ends at once with a signal that comes when it has just begun', async () => {
    const shell = capturedShell({ env: env() });
    const write = (text: string): void => {
      shell.stdout.write(text);
      if (text.includes('on trial until')) shell.stop('SIGTERM');
    };
    const args = ['try', draft(manifest('storage')), '--timeout', '1h'];
    expect(await runProgram(args, { ...shell, stdout: { ...shell.stdout, write } })).toBe(1);
    expect(shell.out()).toContain('Taken back: what was wanted before is wanted again.\n');
    await vi.waitFor(() => expect(existsSync(record())).toBe(false), PATIENCE);
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
    expect(written()).toBe(manifest('sys-net'));
  });

  test('ends by itself also when its terminal has gone', async () => {
    const shell = capturedShell({ env: env(), isTerminal: true });
    const write = (text: string): void => {
      shell.stderr.write(text);
      // As early as it can come: while the program looks for the first time at how the trial stands.
      if (text.includes('ctrl-C goes back')) queueMicrotask(() => shell.stop('SIGHUP'));
    };
    const args = ['try', draft(manifest('storage')), '--timeout', '5'];
    expect(await runProgram(args, { ...shell, stderr: { ...shell.stderr, write } })).toBe(1);
    expect(shell.out()).not.toContain('wanted again');
    await vi.waitFor(() => expect(existsSync(record())).toBe(false), PATIENCE);
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
    expect(written()).toBe(manifest('sys-net'));
  });

  test('ends by itself when nobody keeps it', async () => {
    expect(await screen('try', draft(manifest('storage')), '--timeout', '2')).toMatchInlineSnapshot(`
      "assignment/web configured (on trial until TIME)
      On trial until TIME: xenpci try --confirm keeps it.
      Nobody kept it in time: what was wanted before is wanted again.
      exit code 1
      "
    `);
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
    expect(written()).toBe(manifest('sys-net'));
  });

  test('is shown to everybody, keeps others from beginning one, and can be kept from elsewhere', async () => {
    const { ended } = await trying('storage');
    expect(await screen('try', draft(manifest('sys-net', '  driftPolicy: Report\n')))).toMatchInlineSnapshot(`
      "anna tries /m/web.yaml until TIME; to
        end that: xenpci try --confirm, or xenpci try --revert
      exit code 1
      "
    `);
    expect((await screen('get', 'assignments')).split('\n').slice(-4)).toMatchInlineSnapshot(`
      [
        "anna tries /m/web.yaml until TIME;",
        "  xenpci try --confirm keeps it.",
        "exit code 0",
        "",
      ]
    `);
    expect(inOneLine(await screen('describe', 'assignment', 'web'))).toMatch(
      /OnTrial True.*: OnTrial: anna tries it until TIME; xenpci try --confirm keeps it/,
    );
    expect(await screen('try', '--confirm')).toBe('Kept: /m/web.yaml is written.\nexit code 0\n');
    expect(await ended).toBe(0);
    expect(written()).toBe(manifest('storage'));
  });

  test('outlives its terminal, and can be taken back from elsewhere', async () => {
    const { shell, ended } = await trying('storage');
    shell.stop('SIGHUP');
    expect(await ended).toBe(1);
    expect(holder()).toBe('storage');
    expect(await screen('try', '--revert')).toMatchInlineSnapshot(`
      "Taken back: what was wanted before is wanted again.
      exit code 0
      "
    `);
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
  });

  test('leaves alone what somebody else has written meanwhile', async () => {
    const { ended, screen: text } = await trying('storage');
    const other = manifest('sys-net', '  driftPolicy: Report\n');
    host.write('web.yaml', other);
    expect(await ended).toBe(1);
    expect(inOneLine(text())).toContain('/m/web.yaml was changed by somebody else, so the trial is over');
    await vi.waitFor(() => expect(holder()).toBe('sys-net'), PATIENCE);
    expect(written()).toBe(other);
  });

  test('is refused when it could not be taken back', async () => {
    host.write('web.yaml', '# Nothing is desired.\n');
    await vi.waitFor(() => expect(holder()).toBe('assignable'), PATIENCE);
    expect(await screen('try', draft(manifest('legacy')))).toMatchInlineSnapshot(`
      "0000:01:00.0 would not come to rest: NeedsRestart: legacy was started without
        PCI passthrough; stop and start it
      domain legacy would keep PCI passthrough in its stored definition
      That could not be taken back, so it is not tried. To do it all the same:
        xenpci apply
      exit code 1
      "
    `);
    expect(await screen('try', draft(manifest('sys-net').replace('domain', 'domian')))).toContain('UnknownField');
    expect(existsSync(record())).toBe(false);
  });

  test('is told in the events, with whoever began and ended it', async () => {
    const { out } = await run(['events', '-o', 'json'], { env: env() });
    const { items } = JSON.parse(out) as { items: { action: string; reason: string; note: string }[] };
    const told = items.filter(({ action }) => action === 'Try').map(({ reason, note }) => golden(`${reason}: ${note}`));
    expect([...new Set(told)]).toMatchInlineSnapshot(`
      [
        "TrialReverted: the trial of /m/web.yaml by anna is over: nobody confirmed it in time; what was wanted before is wanted again",
        "TrialConfirmed: anna keeps /m/web.yaml",
        "TrialReverted: the trial of /m/web.yaml by anna is over: anna took it back; what was wanted before is wanted again",
        "TrialBegan: anna tries /m/web.yaml",
        "TrialReverted: the trial of /m/web.yaml by anna is over: somebody else has changed the file, which is left as it is",
      ]
    `);
    await vi.waitFor(() => expect(existsSync(record())).toBe(false), PATIENCE);
  });
});
