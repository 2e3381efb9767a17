/**
 * Makes a lookup that is built once for each object it is about, however often it is asked for. What looks and manifests
 * are made of never changes after it was made, so that a lookup belongs to its object as long as that lives.
 */
export function lookup<Of extends object, Built extends object>(build: (of: Of) => Built): (of: Of) => Built {
  const known = new WeakMap<Of, Built>();
  return of => {
    const found = known.get(of);
    if (found !== undefined) return found;
    const built = build(of);
    known.set(of, built);
    return built;
  };
}

/** The items by a key, in their order; those without a key are left out. */
export function grouped<Item, Key>(items: Iterable<Item>, keyOf: (item: Item) => Key | undefined): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
