import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, test as each, expect, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { type CapturedShell, CHECKOUT, capturedShell } from '../unit/cli/captured-shell.ts';
import { inOneLine, run } from './on-screen.ts';

// Whoever is not root is told so, and owns the files.
const test = each.skipIf(process.geteuid?.() !== 0);

const PATIENCE = { timeout: 60_000 };
const SECTION = readFileSync(join(CHECKOUT, 'README.md'), 'utf8').split('## What it looks like')[1]?.split('\n## ')[0];
const [BEGINNING = '', MOVED = '', SLIP = '', WHY = ''] = blocks(SECTION ?? '');

let samples: string;
let shell: CapturedShell;
let controller: Promise<unknown>;
beforeAll(() => {
  samples = mkdtempSync('/tmp/xenpci-readme-');
  cpSync(join(CHECKOUT, 'manifests/samples'), samples, { recursive: true });
  shell = capturedShell();
  controller = runProgram(['run', '--host', 'simulated', '--log', 'text', '--manifests', samples], shell);
});
afterAll(async () => {
  shell.stop();
  await controller;
  rmSync(samples, { recursive: true });
});

/** The screens that a section shows. */
function blocks(section: string): string[] {
  return [...section.matchAll(/```text\n([\s\S]*?)```/g)].map(match => match[1] ?? '');
}

/** A text with what differs from run to run made the same. */
function same(text: string): string {
  return inOneLine(text)
    .replaceAll(samples, 'manifests/samples')
    .replaceAll(/\d\d:\d\d:\d\dZ?/g, 'TIME')
    .replaceAll(/\([\d.]+ m?s\)/g, '(LONG)')
    .replaceAll(/\b\d+s\b/g, 'AGE');
}

/** What a screen says: each line with what is set in below it, because it goes on there. */
function sayings(screen: string): string[] {
  const lines = screen.replaceAll(/\n +/g, ' ').split('\n');
  return lines.filter(line => line !== '' && line !== '...').map(same);
}

function edit(from: string, to: string): void {
  const path = join(samples, 'sys-net.yaml');
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
}

function commands(): { readonly env: Record<string, string> } {
  return { env: { XENPCI_ROOT: /XENPCI_ROOT=(\S+)/.exec(shell.out())?.[1] ?? '' } };
}

test("the README's first screens are what the program says", { timeout: 240_000 }, async () => {
  const host = 'There is no Xen on this machine, so this';
  for (const saying of sayings(BEGINNING.replace(host, 'This').replace('\nmachine', ' machine'))) {
    await vi.waitFor(() => expect(same(shell.out())).toContain(saying), PATIENCE);
  }
  const before = shell.out().length;
  edit('  domain: sys-net', '  domain: storage');
  for (const saying of sayings(MOVED)) {
    await vi.waitFor(() => expect(same(shell.out().slice(before))).toContain(saying), PATIENCE);
  }
  edit('  domain: storage', '  domian: storage');
  const { code, out, err } = await run(['validate'], commands());
  expect([code, same(`${err}${out}`)]).toEqual([1, same(SLIP)]);
  edit('  domian: storage', '  domain: legacy');
  await vi.waitFor(
    () => expect(shell.out()).toContain('sys-net is not ready: NeedsRestart: lan: legacy was'),
    PATIENCE,
  );
  await vi.waitFor(async () => {
    const why = await run(['describe', 'device', '0000:01:00.0'], commands());
    expect(same(why.out)).toBe(same(WHY.replace(/^\$.*\n/, '')));
  }, PATIENCE);
});
