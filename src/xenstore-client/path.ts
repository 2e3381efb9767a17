import { InvalidRequestError, type RequestLabel } from './errors.ts';

/** Most bytes in a path that starts with a slash (`XENSTORE_ABS_PATH_MAX` in `xs_wire.h`). */
export const MAX_ABSOLUTE_PATH_BYTES = 3072;

/** Most bytes in any other path (`XENSTORE_REL_PATH_MAX` in `xs_wire.h`). */
export const MAX_RELATIVE_PATH_BYTES = 2048;

/** An absolute path by all rules but that of its length. */
const GOOD = /^(?:\/[A-Za-z0-9\-_@]+)+$/;
const FORBIDDEN = /[^A-Za-z0-9\-/_@]/u;
const SPECIAL = /^@[A-Za-z]+(?:\/[0-9]+)?$/;

/**
 * Checks a node's path by the rules of Xen's `docs/misc/xenstore.txt`: ASCII letters, digits and `-/_@`, no empty
 * name, no trailing slash except for the root, at most 3072 bytes, or 2048 if it is relative. Relative paths are taken
 * from the caller's own `/local/domain/<domid>`, which works through the kernel's device only.
 * @throws InvalidRequestError naming the rule
 */
export function checkPath(path: string, operation: string): void {
  if (path.length <= MAX_ABSOLUTE_PATH_BYTES && GOOD.test(path)) return;
  const broken = brokenRule(path);
  if (broken !== undefined) throw new InvalidRequestError(broken, label(path, operation));
}

/**
 * Checks what a watch or a permission may name: a node's path, or an event of xenstored's own, such as
 * `@introduceDomain`, `@releaseDomain` and, in newer versions, `@releaseDomain/7`.
 * @throws InvalidRequestError naming the rule
 */
export function checkPathOrEvent(path: string, operation: string): void {
  if (path.length <= MAX_RELATIVE_PATH_BYTES && SPECIAL.test(path)) return;
  checkPath(path, operation);
}

function brokenRule(path: string): string | undefined {
  if (path === '') return 'a path cannot be empty';
  const limit = path.startsWith('/') ? MAX_ABSOLUTE_PATH_BYTES : MAX_RELATIVE_PATH_BYTES;
  if (path.length > limit) return `the path has ${path.length} bytes; at most ${limit} are allowed`;
  const forbidden = FORBIDDEN.exec(path);
  if (forbidden) return `the path holds the character ${JSON.stringify(forbidden[0])}, which xenstore does not allow`;
  if (path.startsWith('@')) return 'a path cannot start with @';
  if (path.includes('//')) return 'a path cannot hold two slashes in a row';
  if (path.endsWith('/') && path !== '/') return 'a path cannot end with a slash';
  return undefined;
}

/** An overlong path would make an overlong message: its beginning is enough to find it. */
function label(path: string, operation: string): RequestLabel {
  return { operation, path: path.length > 200 ? `${path.slice(0, 200)}…` : path };
}
