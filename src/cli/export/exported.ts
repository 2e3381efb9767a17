import { type Address, compareAddresses } from '../../api/address.ts';
import { holderOf } from '../../plan/domains.ts';
import type { Observed, ObservedDevice, ObservedDomain } from '../../plan/observed.ts';
import { entryNames } from './entry-names.ts';

/** One assignment that says what is so already. */
export interface ExportedAssignment {
  readonly name: string;
  readonly domain: ObservedDomain;
  /** False when another domain has its name too. */
  readonly named: boolean;
  readonly terms: Terms;
  readonly entries: readonly ExportedEntry[];
}

/**
 * What has to be written so that a device stays where it is. `Host`: on its dom0 driver, for a domain that is shut off.
 * `OnNextStart` and `suspend`: assignable, or on its dom0 driver, for a domain that runs without it.
 */
export type Terms = 'default' | 'Host' | 'OnNextStart' | 'suspend';

const SUFFIXES: Readonly<Record<Terms, string>> = {
  default: '',
  Host: '-host',
  OnNextStart: '-next',
  suspend: '-suspended',
};

/** One device of it. */
export interface ExportedEntry {
  readonly name: string;
  readonly address: Address;
  /** Absent when it is not on this host. */
  readonly device?: ObservedDevice;
  readonly permissive: boolean;
  /** What a person should know about it, each a sentence. */
  readonly remarks: readonly string[];
}

/** A device of a domain, by whatever view says so. */
interface Attachment {
  readonly address: Address;
  readonly domain: ObservedDomain;
  readonly permissive: boolean;
}

/**
 * The assignments under which nothing is to be done: what each domain has, or gets at its next start. Pure.
 * A device that several domains name goes to the one that has it, else to the first by name; the others are remarked on.
 */
export function exportedAssignments(observed: Observed): ExportedAssignment[] {
  const owners = ownersOf(observed);
  const names = new Names();
  return byName(observed.domains).flatMap(domain => {
    const mine = [...owners].filter(([, [owner]]) => owner?.domain === domain);
    const entries = exportedEntries(mine, observed);
    const named = observed.domains.filter(({ name }) => name === domain.name).length === 1;
    const groups = TERMS.map(terms => ({ terms, entries: entries.filter(entry => termsOf(entry, domain) === terms) }));
    const filled = groups.filter(group => group.entries.length > 0);
    return filled.map((group, index) => {
      const name = names.take(index === 0 ? domain.name : `${domain.name}${SUFFIXES[group.terms]}`);
      return { name, domain, named, ...group };
    });
  });
}

const TERMS: readonly Terms[] = ['default', 'Host', 'OnNextStart', 'suspend'];

function termsOf({ device }: ExportedEntry, { domid }: ObservedDomain): Terms {
  const at = device?.place.at;
  if (domid === undefined) return at === 'host' ? 'Host' : 'default';
  if (at === 'host') return 'suspend';
  return at === 'assignable' ? 'OnNextStart' : 'default';
}

/** For each device the domains that have it or are to have it, the one that has it first. */
function ownersOf(observed: Observed): Map<Address, Attachment[]> {
  const owners = new Map<Address, Attachment[]>();
  const add = (attachment: Attachment): void => {
    const list = owners.get(attachment.address) ?? [];
    if (!list.some(({ domain }) => domain === attachment.domain)) owners.set(attachment.address, [...list, attachment]);
  };
  for (const { address, place, permissive = false } of observed.devices.values()) {
    const domain = holderOf(observed, place);
    if (domain !== undefined) add({ address, domain, permissive });
  }
  const guests = byName(observed.domains);
  for (const domain of guests) for (const entry of domain.live) add({ ...entry, domain });
  for (const domain of guests) for (const entry of domain.stored?.hostdevs ?? []) add({ ...entry, domain });
  return owners;
}

function exportedEntries(mine: readonly [Address, readonly Attachment[]][], observed: Observed): ExportedEntry[] {
  const present = mine.flatMap(([address]) => observed.devices.get(address) ?? []).filter(device => device.present);
  const names = entryNames(present);
  return mine
    .toSorted(([a], [b]) => compareAddresses(a, b))
    .map(([address, [owner, ...others]], index) => {
      const device = present.find(found => found.address === address);
      return {
        name: names.get(address) ?? `device-${index + 1}`,
        address,
        ...(device === undefined ? {} : { device }),
        permissive: owner?.permissive === true,
        remarks: [
          ...(device === undefined ? ['not on this host now'] : []),
          ...others.map(({ domain }) => `the definition of ${domain.name} has it, too: it cannot be in both`),
        ],
      };
    });
}

function byName(domains: readonly ObservedDomain[]): ObservedDomain[] {
  return domains.filter(({ domid }) => domid !== 0).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Hands out names of objects, each once. */
class Names {
  readonly #taken = new Set<string>();

  /** A name like `text` that Kubernetes would take (DNS-1123). */
  take(text: string): string {
    const plain = text
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-+|-+$/g, '');
    const base = plain.slice(0, 60).replace(/-+$/, '') || 'domain';
    let name = base;
    for (let count = 2; this.#taken.has(name); count++) name = `${base}-${count}`;
    this.#taken.add(name);
    return name;
  }
}
