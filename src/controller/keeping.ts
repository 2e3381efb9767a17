import { isSame } from '../plan/same.ts';

/** @returns what was made before, while it is made of the same or says the same; else what is made now. */
export type Keep<Made> = (before: Made | undefined, of: readonly unknown[], make: () => Made) => Made;

/**
 * Makes values of which each stays the same object for as long as it says the same, and is not even made anew while it is
 * made of the same. What it is made of must be all that `make` looks at; it is compared by identity.
 */
export function keeping<Made extends object>(): Keep<Made> {
  const madeOf = new WeakMap<Made, readonly unknown[]>();
  return (before, of, make) => {
    if (before !== undefined && areSame(madeOf.get(before), of)) return before;
    const now = make();
    const made = before !== undefined && isSame(before, now) ? before : now;
    madeOf.set(made, of);
    return made;
  };
}

function areSame(some: readonly unknown[] | undefined, others: readonly unknown[]): boolean {
  return some?.length === others.length && some.every((item, index) => Object.is(item, others[index]));
}
