/** By which members a list differs from an earlier one. */
export interface ListChanges<Member> {
  readonly gone: readonly Member[];
  readonly fresh: readonly Member[];
  /** Whether those that are in both stand in the same order. */
  readonly isInOrder: boolean;
}

/** Compares two lists by which objects they have, each once: what these say is not looked at. */
export function listChanges<Member extends object>(
  before: readonly Member[],
  after: readonly Member[],
): ListChanges<Member> {
  // Most often it is one place of thousands.
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let end = 0;
  const rest = Math.min(before.length, after.length) - start;
  while (end < rest && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const was = before.slice(start, before.length - end);
  const is = after.slice(start, after.length - end);
  const earlier = new Set(was);
  const later = new Set(is);
  const kept = is.filter(member => earlier.has(member));
  const stayed = was.filter(member => later.has(member));
  return {
    gone: was.filter(member => !later.has(member)),
    fresh: is.filter(member => !earlier.has(member)),
    isInOrder: kept.length === stayed.length && kept.every((member, index) => member === stayed[index]),
  };
}
