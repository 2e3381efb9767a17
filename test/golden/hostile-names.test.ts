import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { at, DEFAULT_WORLD } from '../../src/simulator/model/world.ts';
import { OBEYED } from '../fuzz/quiet-shell.ts';
import { run as runCaptured } from '../unit/cli/captured-shell.ts';
import { run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

/*
 * Names are whatever a person, a guest's image, a card or a file says: here they try to be orders to a terminal, HTML,
 * XML, lines of a log, labels, and options. They must come out as names, in every form of output.
 */

/** What libvirt lets a domain be called: any XML text. */
const MARKUP = `--force=<b onmouseover="x">&amp;'"}{a}\u202e\u2028]]>`;
/** What xl lets one be called: any bytes. */
const ESCAPES = `-r\u001b[2J\u001b]0;x\u0007\u009b31m\u0085\u200f\r\nxenpci: forged <script>alert(1)</script>`;
const CARD = `Intel\u001b[2J <img src=x onerror=y> "}\u0000,\u202e`;
const UUID = '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a0';

let host: SimulatedHost;
beforeAll(async () => {
  host = await simulatedHost({
    ...DEFAULT_WORLD,
    domains: [
      { name: MARKUP, uuid: `${UUID}01`, passthrough: true, running: true },
      { name: ESCAPES, uuid: `${UUID}02`, toolstack: 'xl', devices: [at('0000:03:00.0')], running: true },
    ],
  });
  const [names = ''] = host.dom0.layout.pciIds;
  mkdirSync(dirname(names), { recursive: true });
  writeFileSync(
    names,
    `8086  ${CARD}\n\t10d3  ${CARD}\n1b36  ${CARD}\n\t0010  ${CARD}\nC 02  ${CARD}\n\t00  ${CARD}\n`,
  );
  host.write(
    'markup.yaml',
    `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: markup, annotations: {note: "\\e[2J <b>"}}
spec:
  domain: {uuid: ${UUID}01}
  devices: [{name: lan, address: "0000:01:00.0"}]
`,
  );
  host.write('\u001b[2J<b>"&\u202e.yaml', 'kind: PCIAssignment\napiVersion: "\\e[2J\\u009b<b>"\n"\\e]0;x\\a": 1\n');
});
afterAll(() => host.end());

const xenpci = (...args: string[]) => run(args, { env: { XENPCI_ROOT: host.root } });

const COMMANDS: readonly string[][] = [
  ['plan'],
  ['reconcile', '--once'],
  ['reconcile', '--once', '--log', 'json'],
  ['get', 'devices'],
  ['get', 'devices', '-o', 'wide'],
  ['get', 'devices', '-o', 'json'],
  ['get', 'devices', '-o', 'yaml'],
  ['get', 'devices', '-o', 'name'],
  ['get', 'assignments', '-o', 'wide'],
  ['get', 'assignments', '-o', 'json'],
  ['describe', 'device', '0000:01:00.0'],
  ['describe', 'device', '0000:03:00.0'],
  ['describe', 'assignment', 'markup'],
  ['events', '-o', 'wide'],
  ['events', '-o', 'json'],
  ['export'],
  ['boot-hide'],
  ['doctor'],
  ['doctor', '-o', 'json'],
  ['report'],
];

describe('names that are no names', { timeout: 240_000 }, () => {
  test.each(COMMANDS)('%s %s %s %s %s: nothing that a terminal obeys comes out', async (...words) => {
    const { out, err } = await xenpci(...words.filter(Boolean));
    for (const text of [out, err]) expect(text.replaceAll('\n', '').match(OBEYED)).toBeNull();
    expect(`${out}${err}`).not.toMatch(/\n {4}at /);
    // A name with a line end in it begins no line of its own.
    if (words[0] !== 'report') expect(`${out}${err}`).not.toMatch(/^xenpci: forged/m);
    if (words.includes('json') && words[0] !== 'reconcile') JSON.parse(out);
    if (words.includes('yaml') || words[0] === 'export') for (const each of parseAllDocuments(out)) each.toJS();
  });

  test('the device goes to the guest, whatever that is called, and nothing that libvirt is sent is broken XML', async () => {
    expect((await xenpci('reconcile', '--once')).code).toBe(1);
    const { items } = JSON.parse((await xenpci('get', 'devices', '-o', 'json')).out) as {
      items: { metadata: { name: string }; status: { place: unknown } }[];
    };
    const place = (address: string) => items.find(({ metadata }) => metadata.name === address)?.status.place;
    expect(place('0000:01:00.0')).toEqual({ at: 'guest', domid: expect.any(Number), domain: MARKUP });
    expect(place('0000:03:00.0')).toEqual({ at: 'guest', domid: expect.any(Number), domain: ESCAPES });
  });

  test('events are one line of JSON each', async () => {
    const lines = readFileSync(join(host.dom0.layout.state, 'events.jsonl'), 'utf8').trimEnd().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ id: expect.any(Number) });
    expect(lines.join('\n')).toContain('--force=');
    expect(lines.join('\n').replaceAll('\n', '').match(OBEYED)).toBeNull();
  });

  test('the page has them as text: no element and no attribute comes from a name', async () => {
    const { out } = await runCaptured(['report'], { env: { XENPCI_ROOT: host.root } });
    expect(out).toContain('&lt;b onmouseover=');
    expect(out).not.toMatch(/<(?:b|img|script)[ >]/);
    expect(out).not.toMatch(/<[^>"]*(?:"[^"]*"[^>"]*)*\son(?:mouseover|error)=/);
  });
});
