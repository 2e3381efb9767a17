import { expect, it } from 'vitest';
import { closest } from '../../../src/api/spelling.ts';

const fields = ['address', 'path', 'selector', 'identity', 'permissive'];

it.each([
  ['adress', 'address'],
  ['Address', 'address'],
  ['permisive', 'permissive'],
  ['pth', 'path'],
  ['identify', 'identity'],
])('%s was meant to be %s', (word, meant) => {
  expect(closest(word, fields)).toBe(meant);
});

it.each(['', 'bus', 'ab', 'addressaddress', 'a'.repeat(100_000)])('nothing is near %.20s', word => {
  expect(closest(word, fields)).toBeUndefined();
});
