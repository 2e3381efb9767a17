/**
 * Where a device hangs, by bridges instead of bus numbers: `00_1c.0/00_00.0`.
 *
 * The first element is bus and function on the root bus (`0001_00_1c.0` on another segment); each further one is the
 * bus offset within the bridge before it (secondary bus = 00) and the function. It stays the same when a card that is
 * added elsewhere moves all bus numbers.
 */
export type PciPath = string & { readonly __brand: 'PciPath' };

const ROOT = /^(?:([0-9a-f]{4,8})_)?([0-9a-f]{2})_([01][0-9a-f])\.([0-7])$/;
const BELOW = /^([0-9a-f]{2})_([01][0-9a-f])\.([0-7])$/;
const DEPTH_MAX = 32;

/**
 * Reads a path.
 * @returns the canonical path (lower case, no segment for segment 0), or undefined when the text is none.
 */
export function parsePath(text: string): PciPath | undefined {
  const [root = '', ...below] = text.toLowerCase().split('/');
  const match = ROOT.exec(root);
  if (match === null || below.length >= DEPTH_MAX || !below.every(part => BELOW.test(part))) return undefined;
  const canonicalRoot = match[1] === '0000' ? root.slice(5) : root;
  return [canonicalRoot, ...below].join('/') as PciPath;
}
