/** By what lists differ, and maps of which some is replaced. */
import { describe, expect, test } from 'vitest';
import { listChanges } from '../../../src/plan/replan/changes.ts';
import { patched } from '../../../src/plan/replan/patched.ts';

describe('the changes of a list', () => {
  const members = ['a', 'b', 'c', 'd'].map(name => ({ name }));
  type Member = (typeof members)[number];

  /** All lists of these, each member at most once, in every order. */
  const listsOf = (rest: readonly Member[]): Member[][] => [
    [],
    ...rest.flatMap(first => listsOf(rest.filter(other => other !== first)).map(list => [first, ...list])),
  ];

  test('are those between any two lists, however little they share', () => {
    const lists = listsOf(members);
    const names = (list: readonly Member[]): string => list.map(({ name }) => name).join('');
    const wrong: string[] = [];
    for (const before of lists) {
      for (const after of lists) {
        const { gone, fresh, isInOrder } = listChanges(before, after);
        const found = `${names(gone)} ${names(fresh)} ${isInOrder}`;
        const [kept, stayed] = [
          before.filter(each => after.includes(each)),
          after.filter(each => before.includes(each)),
        ];
        const without = (list: Member[], other: Member[]): string => names(list.filter(each => !other.includes(each)));
        const right = `${without(before, after)} ${without(after, before)} ${names(kept) === names(stayed)}`;
        if (found !== right) wrong.push(`${names(before)} to ${names(after)}: ${found}, not ${right}`);
      }
    }
    expect(lists).toHaveLength(65);
    expect(wrong).toEqual([]);
  });
});

describe('a map of which some is replaced', () => {
  const before = new Map([
    ['b', 1],
    ['c', 2],
    ['d', 3],
  ]);
  const replaced = (
    gone: string[],
    fresh: [string, number][],
    compare?: (a: string, b: string) => number,
  ): unknown[] => [...patched(before, gone, new Map(fresh), compare)];
  const byName = (a: string, b: string): number => a.localeCompare(b);

  test('keeps the place of a key that stays, whether or not that was to go', () => {
    expect(replaced(['c'], [['c', 9]])).toEqual([...before].with(1, ['c', 9]));
    expect(replaced([], [['c', 9]], byName)).toEqual([...before].with(1, ['c', 9]));
  });

  test('loses what goes, and gets what is new, in order if there is one', () => {
    expect(replaced(['c', 'x'], [])).toEqual([
      ['b', 1],
      ['d', 3],
    ]);
    expect(replaced(['d'], [['a', 9]])).toEqual([
      ['b', 1],
      ['c', 2],
      ['a', 9],
    ]);
    expect(replaced(['d'], [['a', 9]], byName)[0]).toEqual(['a', 9]);
  });

  test('is the same object when nothing is replaced, and the new one when there was nothing', () => {
    expect(patched(before, ['x'], new Map())).toBe(before);
    const fresh = new Map([['a', 1]]);
    expect(patched(new Map(), ['x'], fresh)).toBe(fresh);
    expect([...before.keys()]).toEqual(['b', 'c', 'd']);
  });
});
