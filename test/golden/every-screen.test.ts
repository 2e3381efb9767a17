import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, test as each, expect } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { runXl } from '../../src/simulator/index.ts';
import { type CapturedOptions, capturedShell, leftOnTerminal, run as runCaptured } from '../unit/cli/captured-shell.ts';
import { run, tooLong } from './on-screen.ts';
import { formsOf } from './program-calls.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

// Whoever is not root is told so, and owns the files.
const test = each.skipIf(process.geteuid?.() !== 0);

const NIC = '0000:01:00.0';
const MANIFEST = `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: web}
spec:
  domain: sys-net
  devices:
    - {name: lan, address: "${NIC}"}
`;
const DEFINITION = `<domain type='xen'><name>media</name><uuid>2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a003</uuid></domain>`;

let host: SimulatedHost;
let file: string;
beforeAll(async () => {
  host = await simulatedHost();
  file = join(host.root, 'web.yaml');
  writeFileSync(file, MANIFEST);
  // Already on pciback: what is left is done in one order, one step of a guest after the other.
  expect(runXl(host.dom0.model, { argv: ['pci-assignable-add', NIC], readConfig: () => '' }).status).toBe(0);
  host.write('keep.yaml', '# Nothing is desired.\n');
});
afterAll(() => host.end());

/** A call, and what else its arguments are. */
type Screen = readonly [call: string, ...more: string[]];

/** Every command with every form, in an order in which each has something to say. */
function screens(): readonly Screen[] {
  const of = (call: string, forms: readonly string[], ...more: string[]): Screen[] =>
    forms.map(form => [`${call} -o ${form}`, ...more]);
  return [
    ['validate', file],
    ['apply', file, '--dry-run'],
    ['apply', file],
    ['plan'],
    ['reconcile', '--once'],
    ['reconcile'],
    ['plan'],
    ...of('get devices', ['table', 'name']),
    ...of('get devices', ['wide', 'json', 'yaml'], NIC),
    ...of('get assignments', ['table', 'wide', 'json', 'yaml', 'name']),
    ['describe device', NIC],
    ['describe assignment', 'web'],
    ...of('events', ['table', 'wide', 'json', 'yaml']),
    ['wait', 'web', '--for', 'condition=Ready'],
    ['try', file],
    ['suspend', 'web', '--reason', 'new driver'],
    ['resume', 'web'],
    ['approve'],
    ['hook', 'media', 'prepare', 'begin', '-'],
    ['export'],
    ['report', join(host.root, 'page.html')],
    ...of('boot-hide', ['text', 'parameter', 'modprobe', 'json']),
    ...of('doctor', ['text', 'json']),
    ['explain', 'NeedsRestart'],
    ['explain', 'spec.devices.reset'],
    ['completion', 'bash'],
    ['completion', 'zsh'],
    ['completion', 'fish'],
    ['version'],
  ];
}

/** Runs until they are told to stop; how they go is in `end-to-end.test.ts` and in `test/browser`. */
const SERVERS: readonly Screen[] = [['run', '--log', 'text'], ['ui']];

/** What differs from run to run and from place to place made the same. */
function golden(text: string): string {
  return (
    host
      .golden(text)
      // How often it was not in place on the way depends on how fast the guest takes its device.
      .replaceAll(/(^HH:MM:SS · web is not in place yet\n[\s\S]*?)^HH:MM:SS · web is not in place yet\n/gm, '$1')
      // What is under way at the same time may end in any order.
      .replaceAll(/(?:^HH:MM:SS .*\n)+/gm, lines =>
        lines
          .split(/(?<=\n)/)
          .sort()
          .join(''),
      )
      .replaceAll(/\b\d+(s|m\d*s?)(?= |$) */gm, 'AGE ')
      .replaceAll(/\b[0-9a-f]{16}\b/g, 'HASH')
      .replaceAll(/127\.0\.0\.1:\d+\/[0-9a-f]{32}/g, '127.0.0.1:PORT/SECRET')
  );
}

const DEFINED = (): CapturedOptions => ({
  env: { XENPCI_ROOT: host.root },
  stdin: Readable.from([Buffer.from(DEFINITION)]),
});

/** What a call says where nobody sees it, or on the terminal of `options`. */
async function shown(args: readonly string[], options: CapturedOptions = {}): Promise<string> {
  const { code, out, err } = await runCaptured(args, { ...DEFINED(), ...options });
  return `${out}${err}exit code ${code}\n`;
}

test('every command and every form of output has a whole screen that fits 80 columns', {
  timeout: 300_000,
}, async () => {
  for (const [call, ...more] of screens()) {
    const args = [...call.split(' '), ...more];
    const { code, out, err } = await run(args, DEFINED());
    const screen = golden(`${out}${err}exit code ${code}\n`);
    expect(screen).not.toContain('\u001b');
    expect(screen).toMatchSnapshot(golden(['xenpci', ...args].join(' ')));
  }
});

test('where nobody sees them they say the same, with nothing broken, cut or coloured', {
  timeout: 300_000,
}, async () => {
  const repeatable = /^(validate|plan|get|describe|explain|export|boot-hide|completion|version|approve)/;
  let coloured = 0;
  for (const [call, ...more] of screens().filter(([name]) => repeatable.test(name))) {
    const args = [...call.split(' '), ...more];
    const terminal = leftOnTerminal(await shown(args, { isTerminal: true, columns: 80 }));
    const piped = await shown(args);
    expect(piped).not.toContain('\u001b');
    expect(piped).not.toContain('…');
    const plain = stripVTControlCharacters(terminal);
    if (!plain.includes('…')) expect(words(golden(plain))).toEqual(words(golden(piped)));
    expect(tooLong(args, plain)).toEqual([]);
    if (terminal.includes('\u001b')) coloured += 1;
    const env = { XENPCI_ROOT: host.root, NO_COLOR: '1' };
    expect(leftOnTerminal(await shown(args, { isTerminal: true, columns: 80, env }))).not.toContain('\u001b');
  }
  expect(coloured).toBeGreaterThan(3);
});

/** The words of a text, wherever its lines end; the `#` of a comment is none. */
function words(text: string): string[] {
  return text.split(/[\s#]+/);
}

test('the two that serve say where, and end with 0 when they are told to', { timeout: 120_000 }, async () => {
  for (const [call, ...more] of SERVERS) {
    const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
    const ended = runProgram([call, ...more], shell);
    await expect.poll(() => shell.out() + shell.err(), { timeout: 60_000 }).toMatch(/\/page\n$|web is ready/);
    shell.stop();
    expect(await ended).toBe(0);
    expect(golden(shell.out() + shell.err())).toMatchSnapshot(['xenpci', call, ...more].join(' '));
  }
});

test('no command and no form is left out', async () => {
  const here = new Set([...screens(), ...SERVERS].map(([call]) => call));
  expect((await formsOf(capturedShell())).map(form => form.join(' ')).filter(form => !here.has(form))).toEqual([]);
});
