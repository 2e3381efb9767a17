import { describe, expect, test } from 'vitest';
import { checkPath, checkPathOrEvent, InvalidRequestError } from '../../../src/xenstore-client/index.ts';

const GOOD = [
  '/',
  '/a',
  '/local/domain/0/backend/pci/7/0/state-1',
  '/libxl/pci/0000-01-00-0',
  '/A_b-c@d',
  'device/pci/0',
  `/${'a'.repeat(3071)}`,
  'a'.repeat(2048),
];

const BAD = [
  ['', /empty/],
  ['/a/', /end with a slash/],
  ['//', /two slashes/],
  ['/a//b', /two slashes/],
  ['a//b', /two slashes/],
  ['/a b', /" "/],
  ['/a\0b', /"\\u0000"/],
  ['/a\n', /"\\n"/],
  ['/0000:01:00.0', /":"/],
  ['/ä', /"ä"/],
  ['/a/😀', /"😀"/],
  ['@introduceDomain', /start with @/],
  [`/${'a'.repeat(3072)}`, /3073 bytes; at most 3072/],
  ['a'.repeat(2049), /2049 bytes; at most 2048/],
] as const;

test.each(GOOD)('allows %.60s', path => {
  expect(() => checkPath(path, 'read')).not.toThrow();
});

test.each(BAD)('refuses %.60j', (path, rule) => {
  expect(() => checkPath(path, 'read')).toThrow(InvalidRequestError);
  expect(() => checkPath(path, 'read')).toThrow(rule);
});

describe('paths of watches', () => {
  test.each(['@introduceDomain', '@releaseDomain', '@releaseDomain/7', '/local/domain', '/'])('allows %s', path => {
    expect(() => checkPathOrEvent(path, 'watch')).not.toThrow();
  });

  test.each(['@', '@a b', '@releaseDomain/', '@releaseDomain/x', '@a\0', '/a/'])('refuses %j', path => {
    expect(() => checkPathOrEvent(path, 'watch')).toThrow(InvalidRequestError);
  });
});

test('quotes no more of a path than is needed to find it', () => {
  const endless = `/${'a'.repeat(1_000_000)}`;
  try {
    checkPath(endless, 'read');
    expect.unreachable();
  } catch (error) {
    expect(String(error).length).toBeLessThan(500);
  }
});
