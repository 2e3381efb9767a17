import type { Basis } from '../basis.ts';
import type { Couplings } from './ties.ts';

/** What holds for the whole host alike, as text: with another rule every decision may be another one. */
export function rulesOf({ observed, source }: Basis, { selectors, buses }: Couplings): string {
  // All but the objects that have ties, and what no decision is made of. Whatever is added counts as a rule.
  const { devices: _, domains: __, ...host } = observed;
  const { assignments: ___, problems: ____, elsewhere: _____, trial: ______, ...manifests } = source;
  return JSON.stringify([host, manifests, selectors, [...buses]]);
}
