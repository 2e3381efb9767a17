import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { readLiveStatus } from '../../src/daemon/status-file.ts';
import { observe } from '../../src/simulator/index.ts';
import { capturedShell } from '../unit/cli/captured-shell.ts';
import { address } from '../world.ts';
import { inOneLine, run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';

function manifest(name: string, domain: string, device = NIC): string {
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${name}}\nspec:\n  domain: ${domain}\n  devices:\n    - {name: lan, address: "${device}"}\n`;
}

let host: SimulatedHost;
let elsewhere = '';
beforeAll(async () => {
  host = await simulatedHost();
  host.write('keep.yaml', '# Nothing is desired.\n');
  elsewhere = mkdtempSync('/tmp/xenpci-apply-');
});
afterAll(async () => {
  rmSync(elsewhere, { recursive: true, force: true });
  await host.end();
});

const xenpci = (...args: string[]) => run(args, { env: { XENPCI_ROOT: host.root } });
const inFolder = (name: string): string => join(host.dom0.layout.manifests, name);

/** A file beside the folder. @returns its path. */
function draft(name: string, text: string): string {
  const path = join(elsewhere, name);
  writeFileSync(path, text);
  return path;
}

async function screen(...args: string[]): Promise<string> {
  const { code, out, err } = await xenpci(...args);
  return host.golden(`${out}${err}exit code ${code}\n`);
}

describe('apply', { timeout: 120_000 }, () => {
  test('with --dry-run shows what would be done, and writes nothing', async () => {
    const file = draft('web.yaml', manifest('web', 'sys-net'));
    expect(await screen('apply', file, '--dry-run')).toMatchInlineSnapshot(`
      "assignment/web created (dry run)

      domain sys-net
        because:       assignment web is for it
                       (/m/web.yaml:1)
        steps:         1. configure sys-net: add 0000:01:00.0

      0000:01:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       web/lan wants it for sys-net
                       (/m/web.yaml:7)
        is:            host (driver e1000e)
        should be:     guest sys-net
        steps:         1. bind 0000:01:00.0 to pciback
                       2. attach 0000:01:00.0 to sys-net

      1 assignment: 3 steps.
      exit code 0
      "
    `);
    expect(existsSync(inFolder('web.yaml'))).toBe(false);
  });

  test('puts the file there in one move, says what becomes of each assignment, and does nothing twice', async () => {
    const file = draft('web.yaml', manifest('web', 'sys-net'));
    expect(await screen('apply', file)).toBe('assignment/web created\nexit code 0\n');
    expect(readFileSync(inFolder('web.yaml'), 'utf8')).toBe(readFileSync(file, 'utf8'));
    expect(readdirSync(host.dom0.layout.manifests).sort()).toEqual(['keep.yaml', 'web.yaml']);
    const before = statSync(inFolder('web.yaml')).ino;
    expect(await screen('apply', file)).toBe('assignment/web unchanged\nexit code 0\n');
    expect(statSync(inFolder('web.yaml')).ino).toBe(before);
    draft('web.yaml', `${manifest('web', 'storage')}---\n${manifest('more', 'media', '0000:05:00.0')}`);
    expect(await screen('apply', file)).toBe('assignment/web configured\nassignment/more created\nexit code 0\n');
    draft('web.yaml', manifest('more', 'media', '0000:05:00.0'));
    expect(await screen('apply', file)).toBe('assignment/more unchanged\nassignment/web removed\nexit code 0\n');
  });

  test('what is not valid, by itself or beside the others, is not put there', async () => {
    host.write('web.yaml', manifest('web', 'sys-net'));
    const text = readFileSync(inFolder('web.yaml'), 'utf8');
    expect(await screen('apply', draft('web.yaml', text.replace('domain', 'domian')))).toMatchInlineSnapshot(`
      "/m/web.yaml:4:1: error MissingField:
        spec.domain: is missing
          spec:
          ^
      /m/web.yaml:5:3: error UnknownField:
        spec.domian: "domian" is not a field; did you mean domain?
            domian: sys-net
            ^
      Nothing was written.
      exit code 1
      "
    `);
    expect(readFileSync(inFolder('web.yaml'), 'utf8')).toBe(text);
    const twice = await xenpci('apply', draft('other.yaml', manifest('other', 'storage')));
    expect([twice.code, twice.out]).toEqual([1, '']);
    expect(twice.err).toMatch(/error DuplicateDevice:\s/);
    expect((await xenpci('apply', draft('again.yaml', manifest('web', 'storage', '0000:02:00.0')))).err).toMatch(
      /error DuplicateName:\s/,
    );
    expect(readdirSync(host.dom0.layout.manifests).sort()).toEqual(['keep.yaml', 'web.yaml']);
  });

  test('refuses what is no manifest, and to wait where nobody works', async () => {
    expect(inOneLine((await xenpci('apply', draft('web.txt', ''))).err)).toContain('web.txt is no name of a manifest');
    expect((await xenpci('apply', draft('.web.yaml', ''))).code).toBe(2);
    expect(inOneLine((await xenpci('apply', join(elsewhere, 'none.yaml'))).err)).toContain('cannot be read');
    const waits = await xenpci('apply', draft('new.yaml', manifest('new', 'media', '0000:05:00.0')), '--wait');
    expect(waits).toMatchObject({ code: 2, out: '' });
    expect(inOneLine(waits.err)).toContain('no controller runs on this host');
    expect(existsSync(inFolder('new.yaml'))).toBe(false);
  });

  test('leaves a folder alone that Git manages', async () => {
    const file = draft('new.yaml', manifest('new', 'media', '0000:05:00.0'));
    mkdirSync(inFolder('.git'));
    expect(inOneLine((await xenpci('apply', file)).err)).toContain('is a working tree of Git');
    rmSync(inFolder('.git'), { recursive: true });
    const { manifests } = host.dom0.layout;
    renameSync(manifests, `${manifests}.1`);
    symlinkSync(`${manifests}.1`, manifests);
    expect(inOneLine((await xenpci('apply', file)).err)).toContain('is a link, as xenpci-pull makes it');
    rmSync(manifests);
    renameSync(`${manifests}.1`, manifests);
  });

  test('with --wait ends when the controller has done it', async () => {
    const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
    const controller = runProgram(['run', '--log', 'json'], shell);
    onTestFinished(async () => {
      shell.stop();
      expect(await controller).toBe(0);
    });
    await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined(), { timeout: 30_000 });
    const file = draft('web.yaml', manifest('web', 'storage'));
    expect(await xenpci('apply', file, '--wait', '--timeout', '60')).toEqual({
      code: 0,
      out: 'assignment/web configured\nassignment/web condition met\n',
      err: '',
    });
    expect(observe(host.dom0.model).devices.get(address(NIC))?.place).toMatchObject({ domain: 'storage' });
  });
});

test('get -o name says what other commands take', async () => {
  expect((await xenpci('get', 'assignments', '-o', 'name')).out).toBe('assignment/web\n');
  expect((await xenpci('get', 'devices', '01:00.0', '-o', 'name')).out).toBe('device/0000:01:00.0\n');
});
