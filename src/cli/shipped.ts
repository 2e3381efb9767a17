import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Where a file or folder is that comes with the program: beside it in a Debian package, otherwise one or two folders
 * above it, bundle or not. Undefined where it was not copied along.
 * @param path below the checkout, such as `manifests/samples`.
 */
export function shipped(program: string, path: string): string | undefined {
  const folder = dirname(program);
  const folders = [folder, dirname(folder), dirname(dirname(folder))];
  const found = folders.map(each => join(each, path)).find(each => existsSync(each));
  return found && realpathSync(found);
}
