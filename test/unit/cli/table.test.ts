import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Screen } from '../../../src/cli/terminal/screen.ts';
import { tableLines, tone } from '../../../src/cli/terminal/table.ts';
import { ageText } from '../../../src/cli/terminal/times.ts';
import { columnsOf } from '../../../src/source/terminal.ts';
import { capturedShell } from './captured-shell.ts';

const PLAIN = { columns: 80, prose: false, paint: (text: string): string => text };

describe('tableLines', () => {
  test('columns are as wide as their widest cell, and nothing trails the last', () => {
    expect(
      tableLines(
        ['NAME', 'READY'],
        [
          ['a', 'True'],
          ['longer-name', undefined],
        ],
        PLAIN,
      ),
    ).toEqual(['NAME          READY', 'a             True', 'longer-name   <none>']);
  });

  test('the widest column is cut to fit, the name last', () => {
    const lines = tableLines(['NAME', 'DOMAIN', 'REASON'], [['n'.repeat(20), 'd'.repeat(60), 'r'.repeat(30)]], PLAIN);
    expect(lines[1]).toBe(`${'n'.repeat(20)}   ${'d'.repeat(26)}…   ${'r'.repeat(26)}…`);
    expect(lines[1]).toHaveLength(80);
  });

  test('any cells fit into 80 columns as long as there are few enough of them', () => {
    const rows = fc.array(fc.array(fc.string({ maxLength: 200 }), { minLength: 6, maxLength: 6 }), { maxLength: 5 });
    fc.assert(
      fc.property(rows, cells => {
        const lines = tableLines(['A', 'B', 'C', 'D', 'E', 'F'], cells, PLAIN);
        expect(lines).toHaveLength(cells.length + 1);
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(80);
      }),
    );
  });

  test('prose in the last column goes on below itself, and leaves the others what is left', () => {
    const prose = { ...PLAIN, columns: 44, prose: true };
    expect(tableLines(['N', 'OBJECT', 'MESSAGE'], [['a', 'o'.repeat(30), `one ${'two '.repeat(8)}`]], prose)).toEqual([
      'N   OBJECT          MESSAGE',
      'a   oooooooooooo…   one two two two two two',
      '                    two two two',
    ]);
  });
});

describe('Screen', () => {
  const HOSTILE = 'evil\u001b[2J\u001b]0;x\u0007\u009b1m\r\n\u202etxt.exe';

  test('no text reaches the terminal that it would obey', () => {
    const shell = capturedShell({ isTerminal: true, env: { NO_COLOR: '1' } });
    const screen = new Screen(shell.stdout, shell);
    screen.line(HOSTILE);
    screen.lines(HOSTILE);
    screen.field('Name', HOSTILE, tone(HOSTILE, 'bad'));
    screen.table(['NAME'], [[HOSTILE]]);
    expect(shell.out().replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(shell.out().split('\n')).toHaveLength(8);
  });

  test.each([
    [{ isTerminal: true }, true],
    [{ isTerminal: false }, false],
    [{ isTerminal: true, env: { NO_COLOR: '1' } }, false],
    [{ isTerminal: true, env: { NO_COLOR: '' } }, true],
    [{ isTerminal: true, env: { TERM: 'dumb' } }, false],
  ])('%j: colour %s', (options, colour) => {
    const shell = capturedShell(options);
    new Screen(shell.stdout, shell).line('text', 'bad');
    expect(shell.out()).toBe(colour ? '\u001b[31mtext\u001b[0m\n' : 'text\n');
  });
});

test.each([
  [0, '0s'],
  [119_000, '119s'],
  [120_000, '2m'],
  [7_200_000, '2h'],
  [172_800_000, '2d'],
  [-5_000, '0s'],
])('%d ms ago is %s', (ms, text) => {
  const now = Date.UTC(2026, 0, 1);
  expect(ageText(new Date(now - ms).toISOString(), now)).toBe(text);
});
