import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SHELLS } from '../../src/cli/completion/scripts.ts';
import { SuspensionFile } from '../../src/daemon/suspension-file.ts';
import { run } from '../unit/cli/captured-shell.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

let host: SimulatedHost;

beforeAll(async () => {
  host = await simulatedHost();
  host.write(
    'net.yaml',
    'apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: net}\nspec:\n  domain: sys-net\n  devices: [{name: x, address: "0000:01:00.0"}]\n',
  );
});
afterAll(() => host.end());

async function complete(...words: string[]): Promise<string> {
  const { code, out, err } = await run(['__complete', '--', ...words], { env: { XENPCI_ROOT: host.root } });
  expect([code, err]).toEqual([0, '']);
  return out;
}

describe('the program is asked', () => {
  test('for commands, with what they do', async () => {
    expect(await complete('boot')).toBe(
      'boot-hide\tShow what hides the assigned devices from dom0 at boot\n:nothing\n',
    );
    expect(await complete('get', '')).toContain('devices\tList PCI functions: place, driver, assignment\n');
  });

  test('for devices of this host, and for assignments', async () => {
    expect(await complete('describe', 'device', '0000:01')).toBe('0000:01:00.0\t\n:nothing\n');
    expect(await complete('describe', 'assignment', '')).toBe('net\t\n:nothing\n');
  });

  test('for what is suspended, also when its manifest is gone', async () => {
    const suspended = { since: 0, by: 'anna' };
    const file = new SuspensionFile(host.dom0.layout);
    expect(await complete('resume', '')).toBe(':nothing\n');
    await file.suspend({ assignment: 'gone', ...suspended });
    await file.suspend({ assignment: 'net', ...suspended });
    expect(await complete('resume', '')).toBe('gone\t\nnet\t\n:nothing\n');
    expect(await complete('resume', 'g')).toBe('gone\t\n:nothing\n');
    expect(await complete('suspend', '')).toBe('net\t\n:nothing\n');
    await file.resume(() => true, { at: 0, by: 'anna' });
    expect(await complete('resume', '')).toBe(':nothing\n');
  });

  test('for the domains of this host', async () => {
    expect(await complete('--root', host.root, 'export', '--domain', 's')).toBe('storage\t\nsys-net\t\n:nothing\n');
  });

  test('for names of another root, as the line says', async () => {
    expect(await complete('--root', '/nowhere', 'describe', 'device', '')).toBe(':nothing\n');
  });

  test('for files', async () => {
    expect(await complete('validate', '')).toBe(':files\n');
  });

  test('and is in no help and no completion itself', async () => {
    expect((await run(['--help'])).out).not.toContain('__complete');
    expect(await complete('__')).toBe(':nothing\n');
  });
});

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xenpci-complete-'));
  // It answers with two addresses and what it was asked.
  const program = '#!/bin/sh\nshift 2\nprintf "0000:01:00.0\\ta card\\n0000:02:00.0\\t\\nasked-$*\\t\\n:nothing\\n"\n';
  writeFileSync(join(folder, 'xenpci'), program, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Lets a shell read its script and then do something with it. */
async function inShell(shell: (typeof SHELLS)[number], before: string, after: string): Promise<string> {
  const { out } = await run(['completion', shell]);
  const script = join(folder, shell);
  writeFileSync(script, out);
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, HOME: folder };
  const text = `${before}\nsource ${script}\n${after}\n`;
  const { status, stdout, stderr } = spawnSync(shell, ['-c', text], { encoding: 'utf8', env });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

const able = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

function inBash(line: string, point = line.length): Promise<string> {
  return inShell('bash', `COMP_LINE='${line}' COMP_POINT=${point}`, `_xenpci; printf '%s\\n' "\${COMPREPLY[@]}"`);
}

test('bash is given what follows the last colon, because it takes what is before for another word', async () => {
  expect(await inBash('xenpci describe device 0000:0')).toBe('01:00.0\n02:00.0\nasked-describe\\ device\\ 0000:0\n');
});

test('bash asks for what is before the cursor, also an empty word', async () => {
  expect(await inBash('xenpci get  devices x', 20)).toContain('asked-get\\ devices\\ \n');
});

test.skipIf(!able('fish'))('fish shows what things are (needs fish)', async () => {
  const shown = await inShell('fish', '', "complete -C 'xenpci describe device 0000:0'");
  expect(shown).toContain('0000:01:00.0\ta card\n0000:02:00.0');
});

test.skipIf(!able('zsh'))('zsh hands the words on, and each candidate with what it is (needs zsh)', async () => {
  const before = 'compdef() { :; }\ncompadd() { print -l -- $names; print -l -- $shown; }';
  const after = 'words=(xenpci describe device 0000:0); CURRENT=4; _xenpci';
  expect(await inShell('zsh', before, after)).toBe(
    '0000:01:00.0\n0000:02:00.0\nasked-describe device 0000:0\n' +
      '0000:01:00.0  a card\n0000:02:00.0  \nasked-describe device 0000:0  \n',
  );
});
