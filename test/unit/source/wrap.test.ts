import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { columnsOf } from '../../../src/source/terminal.ts';
import { wrapped } from '../../../src/source/wrap.ts';

describe('wrapped', () => {
  test('breaks between words, and sets in what follows', () => {
    expect(wrapped('one two three four', 9, '  ')).toEqual(['one two', '  three', '  four']);
    expect(wrapped('  one two', 6, '    ')).toEqual(['  one', '    two']);
  });

  test('leaves what fits as it is, spaces and all', () => {
    expect(wrapped('0000:01:00.0  a card', 20)).toEqual(['0000:01:00.0  a card']);
    expect(wrapped('', 20)).toEqual(['']);
  });

  test('gives a word that is longer than a line one of its own', () => {
    expect(wrapped('see /a/very/long/path first', 8)).toEqual(['see', '/a/very/long/path', 'first']);
  });

  test.each([
    ['to go on: xenpci resume web', 20, ['to go on:', 'xenpci resume web']],
    ['Stop it: virsh shutdown a, then virsh start a', 24, ['Stop it:', 'virsh shutdown a, then', 'virsh start a']],
    ['run `xl pci-list` (xl info) now', 14, ['run', '`xl pci-list`', '(xl info) now']],
    ['see xl pci-list failed with a code', 12, ['see xl', 'pci-list', 'failed with', 'a code']],
    ['it says chmod go-w /m; do that', 14, ['it says', 'chmod go-w /m;', 'do that']],
  ])('a command that has room: %s', (text, width, lines) => {
    expect(wrapped(text, width)).toEqual(lines);
  });

  test('knows every command of the program', () => {
    for (const { name, hidden = false } of COMMANDS) {
      const call = `xenpci ${name} x,`;
      if (!hidden) expect(wrapped(`so do: ${call} or not`, call.length)).toContain(call);
    }
  });

  test('counts columns, not characters', () => {
    expect(wrapped('日本 日本 ab', 9)).toEqual(['日本 日本', 'ab']);
  });

  test('loses no word, and is too long only where one piece is', () => {
    const word = fc.constantFrom('a', 'bcd', 'efghij', 'xenpci', 'plan,', 'virsh', 'start', 'x.', '日本');
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 4, max: 30 }), (words, width) => {
        const lines = wrapped(words.join(' '), width, ' ');
        expect(lines.flatMap(line => line.trim().split(' '))).toEqual(words);
        for (const line of lines) if (columnsOf(line) > width) expect(line.trim()).not.toContain(' ');
      }),
    );
  });
});
