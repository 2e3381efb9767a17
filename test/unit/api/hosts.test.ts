import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostIdentity, isForHost, mayShareHost } from '../../../src/api/hosts.ts';

const ID = '0123456789abcdef0123456789abcdef';
const host = hostIdentity(['Dom0-A.example.org\n', 'xen', '(none)', ''], `${ID}\n`);

describe('a host', () => {
  test('goes by its full and short names in lower case, and by its machine id', () => {
    expect(host).toEqual({ names: ['dom0-a.example.org', 'dom0-a', 'xen'], machineId: ID });
    expect(hostIdentity(['a'], 'uninitialized')).toEqual({ names: ['a'] });
  });

  test.each([
    [['dom0-a'], true],
    [['dom0-a.example.org'], true],
    [['xen'], true],
    [['*.example.org'], true],
    [['dom0-?'], true],
    [['*'], true],
    [['dom0-b', 'd*a'], true],
    [[ID], true],
    [['dom0'], false],
    [['dom0-a.example'], false],
    [['dom0-??'], false],
    [[`${ID.slice(0, 31)}?`], false],
    [[ID.slice(0, 31)], false],
  ])('%j names it: %j', (patterns, named) => {
    expect(isForHost(patterns, host)).toBe(named);
  });

  test('is meant by an object that names none', () => {
    expect(isForHost(undefined, host)).toBe(true);
    expect(isForHost(undefined, { names: [] })).toBe(true);
    expect(isForHost(['*'], { names: [] })).toBe(false);
  });
});

describe('patterns', () => {
  const letters = fc.constantFrom('a', 'b', '.', '-');
  const name = fc.string({ unit: letters, minLength: 1, maxLength: 8 }).map(text => `x${text}`);
  const glob = fc.string({ unit: fc.oneof(letters, fc.constantFrom('*', '?')), maxLength: 8 }).map(text => `x${text}`);
  const expression = (pattern: string): RegExp =>
    new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`);

  test('mean what the same wildcards mean in a shell', () => {
    fc.assert(
      fc.property(glob, name, (pattern, text) => {
        expect(isForHost([pattern], { names: [text] })).toBe(expression(pattern).test(text));
      }),
      { numRuns: 10_000 },
    );
  });

  test('that both name one host share a host', () => {
    fc.assert(
      fc.property(glob, glob, name, (one, other, text) => {
        const both = isForHost([one], hostIdentity([text])) && isForHost([other], hostIdentity([text]));
        if (both) expect(mayShareHost([one], [other])).toBe(true);
        expect(mayShareHost([one], [other])).toBe(mayShareHost([other], [one]));
      }),
      { numRuns: 10_000 },
    );
  });

  test.each([
    [['dom0-a'], ['dom0-b'], false],
    [['dom0-a', 'dom0-c'], ['dom0-b', 'dom0-c'], true],
    [['dom0-*'], ['*-a'], true],
    [['dom0-*'], ['xen-?'], false],
    [['dom0-a.example.org'], ['dom0-a'], true],
    [['dom0-a.example.org'], ['dom0-a.example.net'], false],
    [['dom0-a'], undefined, true],
    [['dom0-a'], [ID], false],
  ])('%j and %j may share a host: %j', (one, other, shared) => {
    expect(mayShareHost(one, other)).toBe(shared);
  });

  test('of the greatest length do not take long', () => {
    const pattern = '*a'.repeat(126);
    expect(isForHost([pattern], { names: ['b'.repeat(253)] })).toBe(false);
    expect(mayShareHost([pattern], [`${'*b'.repeat(126)}*`])).toBe(true);
  });
});
