import type { Elsewhere } from '../../api/manifest.ts';

/** Says that a folder has more in it than is for this host. */
export function elsewhereText({ objects, host }: Elsewhere): string {
  return objects === 1
    ? `1 more object is for other hosts than ${host}.`
    : `${objects} more objects are for other hosts than ${host}.`;
}
