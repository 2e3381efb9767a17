import { describe, expect, test } from 'vitest';
import { grouped, lookup } from '../../../src/plan/lookup.ts';

describe('a lookup', () => {
  test('is built once for each object, and anew for an equal one', () => {
    const built: string[][] = [];
    const sorted = lookup((names: readonly string[]) => {
      const result = names.toSorted();
      built.push(result);
      return result;
    });
    const names = ['red', 'blue'];
    expect(sorted(names)).toEqual(['blue', 'red']);
    expect(sorted(names)).toBe(built[0]);
    expect(sorted([...names])).toBe(built[1]);
    expect(built).toHaveLength(2);
  });
});

describe('items in groups', () => {
  test('keep their order, and those without a key are left out', () => {
    const items = ['red 1', 'blue 1', 'none', 'red 2'];
    const keyOf = (item: string) => (item.includes(' ') ? item.split(' ')[0] : undefined);
    expect([...grouped(items, keyOf)]).toEqual([
      ['red', ['red 1', 'red 2']],
      ['blue', ['blue 1']],
    ]);
  });
});
