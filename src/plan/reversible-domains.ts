import type { Stage } from './course.ts';
import type { HostdevEntry, ObservedDomain } from './observed.ts';

/** How the stored definitions of domains would differ after a trial from what they are without it. */
export function domainDifferences(base: Stage, back: Stage): { readonly about: string; readonly message: string }[] {
  const after = new Map(back.observed.domains.map(domain => [domain.uuid, domain]));
  return base.observed.domains.flatMap(domain => {
    const message = difference(domain.stored, after.get(domain.uuid)?.stored);
    return message === undefined ? [] : [{ about: `domain ${domain.name}`, message }];
  });
}

function difference(home: ObservedDomain['stored'], found: ObservedDomain['stored']): string | undefined {
  if (home === undefined || found === undefined) return undefined;
  // It is switched on, and never off again: somebody else may count on it.
  if (home.passthrough !== found.passthrough) return 'would keep PCI passthrough in its stored definition';
  const [was, is] = [entriesOf(home.hostdevs), entriesOf(found.hostdevs)];
  const lost = [...was].filter(entry => !is.has(entry));
  if (lost.length > 0) return `would not get back in its stored definition: ${lost.join(', ')}`;
  const extra = [...is].filter(entry => !was.has(entry));
  return extra.length > 0 ? `would keep in its stored definition: ${extra.join(', ')}` : undefined;
}

/** What an entry says, in words: of several that say the same one is enough. */
function entriesOf(hostdevs: readonly HostdevEntry[]): Set<string> {
  return new Set(hostdevs.map(({ address, permissive }) => (permissive ? `${address} (permissive)` : address)));
}
