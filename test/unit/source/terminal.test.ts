import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { caretExcerpt, safeLine } from '../../../src/source/terminal.ts';

describe('an excerpt', () => {
  it.each([
    ['name: lan', 6, 'name: lan\n      ^'],
    ['name: lan', 9, 'name: lan\n         ^'],
    ['', 0, '\n^'],
    ['\tname:\tlan', 7, ' name: lan\n       ^'],
    ['漢字: x', 4, '漢字: x\n      ^'],
    ['e\u0301: x', 4, 'e\u0301: x\n   ^'],
    ['😀: x', 4, '😀: x\n    ^'],
    ['\u001b[31m: x', 7, '\uFFFD[31m: x\n       ^'],
    ['a\u202eb: x', 5, 'a\uFFFDb: x\n     ^'],
    ['a\ud800: x', 4, 'a\uFFFD: x\n    ^'],
  ])('of %j at %i has its caret under the character', (line, index, expected) => {
    expect(caretExcerpt(line, index)).toBe(expected);
  });

  it('of a long line is cut around the caret', () => {
    const line = `${'a'.repeat(1000)}#${'b'.repeat(1000)}`;
    const [shown = '', caret = ''] = caretExcerpt(line, 1000).split('\n');
    expect(shown).toBe(`…${'a'.repeat(50)}#${'b'.repeat(23)}…`);
    expect(shown[caret.length - 1]).toBe('#');
  });

  it('is two short lines without a control character, whatever the line', () => {
    const line = fc.string({ unit: 'binary', maxLength: 300 }).map(text => text.replaceAll('\n', ''));
    fc.assert(
      fc.property(line, fc.double({ min: 0, max: 1, noNaN: true }), (text, part) => {
        const lines = caretExcerpt(text, Math.floor(text.length * part)).split('\n');
        expect(lines).toHaveLength(2);
        expect(lines.every(shown => shown.length <= 410)).toBe(true);
        expect(lines[1]).toMatch(/^ *\^$/);
        expect(lines[0]).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('shows the character above the caret in plain text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{1,300}$/), fc.nat(299), (text, at) => {
        fc.pre(at < text.length);
        const [shown = '', caret = ''] = caretExcerpt(text, at).split('\n');
        expect(shown[caret.length - 1]).toBe(text[at]);
      }),
    );
  });
});

it('makes a line of any text', () => {
  expect(safeLine('a\nb\tc\u0007')).toBe('a\uFFFDb c\uFFFD');
});
