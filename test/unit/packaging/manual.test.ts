import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { manifestPage } from '../../../src/packaging/man-manifest.ts';
import { programPage } from '../../../src/packaging/man-program.ts';
import { roff } from '../../../src/packaging/roff.ts';
import { capturedShell } from '../cli/captured-shell.ts';

const program = await createProgram({ shell: capturedShell(), end: () => undefined });
const pages = [programPage(program, '1.2.3'), manifestPage('1.2.3')];
const able = spawnSync('groff', ['--version']).status === 0;

/** A page as `man` shows it, in one line. */
function shown(text: string): string {
  const { stdout } = spawnSync('groff', ['-man', '-Tutf8', '-P-c', '-P-b', '-P-u'], { input: text, encoding: 'utf8' });
  return stdout.replaceAll('‐\n', '').replaceAll(/\s+/g, ' ');
}

describe.each(pages)('$name($section)', ({ text }) => {
  test.skipIf(!able)('is sound for groff (needs groff)', () => {
    const { status, stderr } = spawnSync('groff', ['-man', '-ww', '-z'], { input: text, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  test.skipIf(!able)('fits 80 columns (needs groff)', () => {
    const { stdout } = spawnSync('groff', ['-man', '-Tutf8', '-P-c', '-P-b', '-P-u', '-rLL=80n'], {
      input: text,
      encoding: 'utf8',
    });
    expect(stdout.split('\n').length).toBeGreaterThan(100);
    expect(stdout.split('\n').filter(line => line.length > 80)).toEqual([]);
  });

  test('has no line that roff takes for an order it does not know', () => {
    const orders = text.split('\n').flatMap(line => /^[.'](\S*)/.exec(line)?.[1] ?? []);
    expect(orders.filter(order => !['TH', 'SH', 'SS', 'PP', 'TP', 'BR', 'nf', 'fi'].includes(order))).toEqual([]);
  });
});

test.skipIf(!able)('xenpci(1) has each command with its options, and the exit codes (needs groff)', () => {
  const page = shown(pages[0]?.text ?? '');
  for (const command of program.createHelp().visibleCommands(program)) expect(page).toContain(command.name());
  expect(page).toContain('--once');
  expect(page).toContain('form of the output (text, json; default: text)');
  expect(page).toContain('130 ended at once by a second signal');
  expect(page).toContain('the shell (bash, zsh, fish)');
  expect(page).not.toContain('default: )');
  expect(page).not.toContain('__complete');
});

test.skipIf(!able)('xenpci.yaml(5) has each field, what it may be and what it is without (needs groff)', () => {
  const page = shown(pages[1]?.text ?? '');
  expect(page).toContain('spec.devices[].whenMissing (Fail, Ignore; default "Fail")');
  expect(page).toContain('spec.domain.uuid');
  expect(page).toContain('spec.maxDetachesPerPass');
  expect(page).toContain('spec.devices[].identity.vendor');
});

test('what roff would take for orders is harmless', () => {
  expect(roff(".x 'y' \\n -z\n.a")).toBe('\\&.x \\(aqy\\(aq \\en \\-z\n\\&.a');
});
