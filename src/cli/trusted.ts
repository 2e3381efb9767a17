import type { Dom0Layout } from '../api/layout.ts';
import type { Trust } from '../source/trust.ts';

/**
 * Whose manifests are followed on a host: root's, and those of whoever runs the program.
 * @returns nothing for a dom0 in a folder, such as the simulated one: nothing of this machine is at stake there, and its
 *   manifests may lie in a checkout that belongs to anybody.
 */
export function trustOf({ root }: Dom0Layout): { readonly trust?: Trust } {
  const user = process.geteuid?.();
  return root === '/' && user !== undefined ? { trust: { users: new Set([user]) } } : {};
}
