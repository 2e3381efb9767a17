/**
 * A map with some of it replaced: a key that stays keeps its place.
 * @param gone the keys that have no value any more, unless `fresh` has one.
 * @param compare puts the whole in order when a key is new; without it a new one goes to the end.
 * @returns the same map when nothing is replaced.
 */
export function patched<Key, Value>(
  before: ReadonlyMap<Key, Value>,
  gone: readonly Key[],
  fresh: ReadonlyMap<Key, Value>,
  compare?: (a: Key, b: Key) => number,
): ReadonlyMap<Key, Value> {
  if (before.size === 0) return fresh;
  const removed = gone.filter(key => !fresh.has(key) && before.has(key));
  const set = [...fresh].filter(([key, value]) => before.get(key) !== value);
  if (removed.length === 0 && set.length === 0) return before;
  const after = new Map<Key, Value>();
  for (const [key, value] of before) after.set(key, value);
  for (const key of removed) after.delete(key);
  const { size } = after;
  for (const [key, value] of set) after.set(key, value);
  if (after.size === size || compare === undefined) return after;
  return new Map([...after].sort(([a], [b]) => compare(a, b)));
}
