import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { VERSION } from '../../../src/cli/version.ts';
import { CHECKOUT, run } from './captured-shell.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xenpci-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('usage', () => {
  test('the version is that of package.json', async () => {
    const { version } = JSON.parse(readFileSync(`${CHECKOUT}/package.json`, 'utf8')) as { version: string };
    expect(VERSION).toBe(version);
    expect(await run(['--version'])).toEqual({ code: 0, out: `xenpci ${version}\n`, err: '' });
    expect(await run(['version'])).toEqual({ code: 0, out: `xenpci ${version}\n`, err: '' });
  });

  test.each([
    [['gte'], "error: unknown command 'gte'\n(Did you mean get?)\n(--help says more)\n"],
    [
      ['get', 'device', '--ouput', 'x'],
      "error: unknown option '--ouput'\n(Did you mean --output?)\n(--help says more)\n",
    ],
    [
      ['get', 'devices', '-o', 'xml'],
      "error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, wide, json, yaml, name.\n(--help says more)\n",
    ],
    [['suspend'], "error: missing required argument 'name'\n(--help says more)\n"],
    [
      ['run', '--resync', '0'],
      "error: option '--resync <duration>' argument '0' is invalid. It must be a time above 0 and up to 596h, such as 90, 5m or 1h.\n(--help says more)\n",
    ],
    [
      ['reconcile', '--once', '--timeout', '1e9'],
      "error: option '--timeout <duration>' argument '1e9' is invalid. It must be a time above 0 and up to 596h, such as 90, 5m or 1h.\n(--help says more)\n",
    ],
    [['plan', 'extra'], "error: too many arguments for 'plan'. Expected 0 arguments but got 1.\n(--help says more)\n"],
    [['describe', 'device'], "error: missing required argument 'address'\n(--help says more)\n"],
    [
      ['describe', 'sys-net'],
      "error: unknown command 'sys-net'\n(xenpci describe device <address>, or xenpci describe assignment <name>)\n",
    ],
    [['explain'], "error: missing required argument 'what'\n(--help says more)\n"],
  ])('%j ends with 2 and says what is wrong', async (args, err) => {
    expect(await run(args)).toEqual({ code: 2, out: '', err });
  });

  test('what messages tell people to call has a kind where one is needed', () => {
    const texts = readdirSync(join(CHECKOUT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => readFileSync(join(CHECKOUT, 'src', name), 'utf8'));
    const kinds = texts.flatMap(text =>
      [...text.matchAll(/xenpci (?:get|describe) ([^ `'",.;)]+)/g)].map(([, kind]) => kind),
    );
    expect(kinds.length).toBeGreaterThan(20);
    expect(kinds.filter(kind => !/^(?:devices?|assignments?|-o|\$\{.*)$/.test(kind ?? ''))).toEqual([]);
  });

  test("the README's table of commands has each of them, and none that there is not", () => {
    const readme = readFileSync(join(CHECKOUT, 'README.md'), 'utf8');
    const table = readme.split('\n## Commands\n')[1]?.split('\n## ')[0] ?? '';
    const told = [...table.matchAll(/^\| `xenpci ([a-z-]+)/gm)].map(match => match[1] ?? '');
    const names = COMMANDS.filter(({ hidden = false }) => !hidden).map(({ name }) => name);
    expect(names.filter(name => !told.includes(name))).toEqual([]);
    expect(told.filter(name => !names.includes(name))).toEqual([]);
  });

  test('without a command the help goes to standard error', async () => {
    const { code, out, err } = await run([]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('Usage: xenpci [options] [command]');
  });

  test('an argument cannot send escape sequences to the terminal', async () => {
    const { err } = await run(['\u001b]0;owned\u0007\u009b31m'], { isTerminal: true, env: { NO_COLOR: '1' } });
    expect(err).toMatch(/^error: unknown command/);
    expect(err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('no Xen', () => {
  test.each([['run'], ['reconcile', '--once']])('%s refuses and names the simulated host', async (...args) => {
    const { code, out, err } = await run([...args, '--root', folder]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toBe(
      `error: ${folder} is no Xen dom0 (no control_d in ${folder}/proc/xen/capabilities). ` +
        'To see xenpci work without Xen: xenpci run --host simulated\n',
    );
  });

  test.each([['plan'], ['get', 'devices'], ['describe', 'assignment', 'x']])('%s %s cannot look', async (...args) => {
    const { code, out, err } = await run(args, { env: { XENPCI_ROOT: folder } });
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^error: cannot look at the host: .*\nThis is no Xen dom0\. .*--host simulated\n$/);
  });
});

describe('validate', () => {
  const VALID =
    'apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: a}\nspec:\n  domain: a\n  devices: [{name: x, address: "0000:03:00.0"}]\n';

  test('ends with 0 when all is valid', async () => {
    writeFileSync(join(folder, 'a.yaml'), VALID);
    expect(await run(['validate', join(folder, 'a.yaml')])).toEqual({
      code: 0,
      out: '1 document is valid.\n',
      err: '',
    });
  });

  test('ends with 1 and shows every problem with its caret', async () => {
    const file = join(folder, 'b.yaml');
    writeFileSync(file, `${VALID.replace('03:00.0', '3:0.0').replace('domain: a', 'domian: a')}---\njunk: [\n`);
    const { code, out, err } = await run(['validate', file]);
    expect(code).toBe(1);
    expect(out).toMatch(/^0 documents are valid; \d problems\.\n$/);
    expect(err.replaceAll(file, 'b.yaml')).toMatchInlineSnapshot(`
      "b.yaml:4:1: error MissingField: spec.domain: is missing
          spec:
          ^
      b.yaml:5:3: error UnknownField: spec.domian: "domian" is not a field; did you mean domain?
            domian: a
            ^
      b.yaml:6:32: error InvalidValue: spec.devices[0].address: "0000:3:0.0" is not a PCI address; write segment:bus:device.function in hex, such as 0000:03:00.0
            devices: [{name: x, address: "0000:3:0.0"}]
                                         ^
      b.yaml:8:8: error Syntax: Flow sequence in block collection must be sufficiently indented and end with a ]
          junk: [
                 ^
      "
    `);
  });

  test('ends with 2 when a path is not there', async () => {
    const { code, err } = await run(['validate', join(folder, 'none')]);
    expect(code).toBe(2);
    expect(err).toContain('error Unreadable');
  });
});
