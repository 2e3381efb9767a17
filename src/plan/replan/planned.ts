import type { Address } from '../../api/address.ts';
import { compareAddresses } from '../../api/address.ts';
import type { SourcedAssignment } from '../../api/manifest.ts';
import type { Basis } from '../basis.ts';
import type { ResolvedEntry } from '../claims.ts';
import type { Hold } from '../hold.ts';
import { grouped } from '../lookup.ts';
import type { Plan } from '../plan.ts';
import { sameInventory } from '../remember.ts';
import type { DetachStep } from '../step.ts';
import type { Members } from './members.ts';
import type { Part } from './parts.ts';
import { patched } from './patched.ts';

/** A plan, what it was made of, and what the next one may take over from it. */
export interface Planned {
  readonly plan: Plan;
  /** What it is made of, and the rules that hold for all of it: see rulesOf. */
  readonly members: Members;
  readonly rules: string;
  readonly parts: readonly Part[];
  /** The entries of the plan by their assignment. */
  readonly entries: ReadonlyMap<SourcedAssignment, readonly ResolvedEntry[]>;
  /** How often the steps of devices had failed; those that had not are left out. */
  readonly failures: ReadonlyMap<Address, number>;
  /** The detaches that would be next, if none had to wait for approval. */
  readonly detaches: readonly DetachStep[];
  /** Why some of them have to wait, and whose devices these are. */
  readonly hold: Hold | undefined;
  readonly held: readonly Address[];
}

const NO_PLAN: Plan = {
  entries: [],
  devices: new Map(),
  configures: new Map(),
  foreign: new Map(),
  inventory: new Map(),
};

/** Before anything was planned. */
export const NOTHING_PLANNED: Planned = {
  plan: NO_PLAN,
  members: { devices: [], domains: [], assignments: [], records: [] },
  rules: '',
  parts: [],
  entries: new Map(),
  failures: new Map(),
  detaches: [],
  hold: undefined,
  held: [],
};

/** A plan with what it says of some parts replaced. @param parts as they were. @param fresh what holds instead. */
export function withPartsReplaced(
  { plan, entries }: Pick<Planned, 'plan' | 'entries'>,
  parts: readonly Part[],
  fresh: Plan,
  { source, inventory }: Basis,
): Pick<Planned, 'plan' | 'entries'> {
  const addresses = addressesOf(parts, entries);
  const uuids = parts.flatMap(({ domains }) => domains.map(({ uuid }) => uuid));
  const assignments = parts.flatMap(part => part.assignments);
  const byAssignment = patched(
    entries,
    assignments,
    grouped(fresh.entries, ({ assignment }) => assignment),
  );
  const records = patched(plan.inventory, addresses, fresh.inventory, compareAddresses);
  return {
    entries: byAssignment,
    plan: {
      entries: inOrder(source.assignments, byAssignment),
      devices: patched(plan.devices, addresses, fresh.devices, compareAddresses),
      configures: patched(plan.configures, uuids, fresh.configures, compareText),
      foreign: patched(plan.foreign, uuids, fresh.foreign, compareText),
      inventory: sameInventory(inventory, records) ? inventory : records,
    },
  };
}

/** The devices of parts about which something is decided: those that an entry names, or that are held. */
export function addressesOf(parts: readonly Part[], entries: Planned['entries']): Address[] {
  return parts.flatMap(({ assignments, records }) => [
    ...records.map(({ address }) => address),
    ...assignments.flatMap(each => entries.get(each) ?? []).flatMap(({ claims }) => claims.map(claim => claim.address)),
  ]);
}

function inOrder<Key, Value>(keys: readonly Key[], values: ReadonlyMap<Key, readonly Value[]>): Value[] {
  const all: Value[] = [];
  for (const key of keys) all.push(...(values.get(key) ?? []));
  return all;
}

/** For keys, of which no two are the same. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
