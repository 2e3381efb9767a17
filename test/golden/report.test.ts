import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_WORLD } from '../../src/simulator/index.ts';
import { run } from '../unit/cli/captured-shell.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const HOSTILE = '<img src=x onerror=alert(1)>';

let host: SimulatedHost;

beforeAll(async () => {
  const uuid = '6f2b0e0c-0000-4000-8000-00000000dead';
  const domains = [...DEFAULT_WORLD.domains, { name: HOSTILE, uuid, running: true, passthrough: true }];
  host = await simulatedHost({ ...DEFAULT_WORLD, domains });
  const entry = (address: string): string => `{name: lan, address: ${address}}`;
  const manifest = (name: string, domain: string, device: string): string =>
    `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${name}}\nspec: {domain: ${domain}, devices: [${device}]}\n`;
  host.write('net.yaml', manifest('net', 'sys-net', entry('0000:01:00.0')));
  host.write('first.yaml', manifest('first', 'storage', entry('0000:03:00.0')));
  host.write('second.yaml', manifest('second', 'media', entry('0000:03:00.0')));
});
afterAll(() => host.end());

async function xenpci(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, out, err } = await run(args, { env: { XENPCI_ROOT: host.root } });
  return { code, out: host.golden(out), err: host.golden(err) };
}

/** What a person who hears the page is told, line by line. */
function spoken(page: string): string[] {
  const text = page.replace(/<style>[\s\S]*?<\/style>/, '').replaceAll(/<svg[\s\S]*?<\/svg>/g, '');
  return text
    .replaceAll(/<span aria-hidden="true">.*?<\/span>/g, '')
    .replaceAll(/<[^>]*>/g, '')
    .split('\n')
    .map(line => line.replaceAll(/ +/g, ' ').trim())
    .filter(line => line !== '');
}

test('report writes the page: what is attached, wanted and held back, and the story of each', async () => {
  const { code, out, err } = await xenpci('report');
  expect([code, err]).toEqual([0, '']);
  const said = spoken(out);
  expect(said).toContain('A simulated dom0: nothing here is real.');
  expect(said).toContainEqual(
    expect.stringMatching(/^0000:01:00\.0 Intel Corporation 82574L .* host · Progressing, waits$/),
  );
  expect(said).toContainEqual(
    expect.stringMatching(/^sys-net running as domain \d+ · assignment net · Progressing, waits$/),
  );
  expect(out).toContain('class="wanted waiting"');
  expect(said).toContainEqual(expect.stringMatching(/^0000:03:00\.0 .* · Conflict, refused$/));
  expect(said).toContainEqual(
    expect.stringMatching(/^Refused: Conflict: .* is also named by second\/lan \(\/m\/second\.yaml:4\)/),
  );
});

test('a name that is HTML is shown as text', async () => {
  const { out } = await xenpci('report');
  expect(out).toContain('&lt;img src=x onerror=alert(1)&gt;');
  expect(out).not.toContain(HOSTILE);
  expect(out).not.toContain('<script');
});

test('into a file, and not onto a terminal', async () => {
  const file = join(host.root, 'page.html');
  expect(await xenpci('report', file)).toEqual({ code: 0, out: '', err: '' });
  expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
  expect(await xenpci('report', join(host.root, 'no/such/page.html'))).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^error: cannot write .*no such file or directory/i),
  });
});
