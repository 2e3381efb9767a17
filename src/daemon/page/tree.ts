import type { PageDevice } from './state.ts';

/** A device at its place in the tree of bridges. */
export interface TreeRow {
  readonly device: PageDevice;
  /** Bridges above it. */
  readonly depth: number;
}

/**
 * Devices as rows of a tree, each below the bridge that it hangs on, in the order given. One whose bridge is not among them
 * stands at the root, and so does one of a circle, which no bus has and a damaged answer may.
 */
export function treeRows(devices: readonly PageDevice[]): readonly TreeRow[] {
  const known = new Map(devices.map(device => [device.address, device]));
  const children = new Map<string | undefined, PageDevice[]>();
  for (const device of devices) {
    const parent = isBelow(device, known) ? device.parent : undefined;
    children.set(parent, [...(children.get(parent) ?? []), device]);
  }
  const rows: TreeRow[] = [];
  const add = (parent: string | undefined, depth: number): void => {
    for (const device of children.get(parent) ?? []) {
      rows.push({ device, depth });
      add(device.address, depth + 1);
    }
  };
  add(undefined, 0);
  return rows;
}

/** Whether the way up from a device ends at a root. */
function isBelow(device: PageDevice, known: ReadonlyMap<string, PageDevice>): boolean {
  const seen = new Set([device.address]);
  for (let { parent } = device; parent !== undefined; parent = known.get(parent)?.parent) {
    if (seen.has(parent)) return false;
    if (!known.has(parent)) return seen.size > 1;
    seen.add(parent);
  }
  return device.parent !== undefined;
}
