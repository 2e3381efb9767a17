import { type Address, compareAddresses } from '../../api/address.ts';
import { approvalHold, unaskedOf } from '../approval.ts';
import type { Basis } from '../basis.ts';
import type { Hold } from '../hold.ts';
import { settled } from '../plan.ts';
import { NO_STANDING, type Standing } from '../standing.ts';
import type { DetachStep } from '../step.ts';
import { type Wishes, wishesOf } from '../wishes.ts';
import { basisWith, changesOf, listOf, type MemberChanges, type Members, membersIn, membersOf } from './members.ts';
import { type Part, partsOf, tiesOf } from './parts.ts';
import { addressesOf, NOTHING_PLANNED, type Planned, withPartsReplaced } from './planned.ts';
import { rulesOf } from './rules.ts';
import { type Couplings, couplingsOf, deviceTie } from './ties.ts';

/**
 * Makes the plan that `plan` makes, and takes over from an earlier one all that does not rest on what has changed since:
 * objects fall into parts that have nothing to do with each other, and only parts with a change in them are decided anew.
 * What has changed is told by identity: whoever hands over the same objects again saves work, and everybody gets the same
 * plan.
 * @param before any earlier plan; all is decided anew when absent.
 */
export function replan(before: Planned | undefined, basis: Basis, standing: Standing = NO_STANDING): Planned {
  const couplings = couplingsOf(basis);
  const rules = rulesOf(basis, couplings);
  const now: Now = { basis, members: membersOf(basis), couplings, standing };
  const { start, changes } = startFrom(before?.rules === rules ? before : NOTHING_PLANNED, now.members);
  const ties = [
    ...tiesOf(changes.gone, couplings),
    ...tiesOf(changes.fresh, couplings),
    ...changedFailures(start, standing).map(deviceTie),
  ];
  const first = decide(start, now, ties, changes.fresh);
  const moved = sameHold(start, first) ? [] : [...start.held, ...first.held];
  const last = moved.length === 0 ? first : decide(start, now, [...ties, ...moved.map(deviceTie)], changes.fresh);
  const fresh = settled(last.wishes, last.unasked, last.hold);
  const { plan, entries } = withPartsReplaced(start, last.concerned, fresh, basis);
  return {
    plan,
    entries,
    rules,
    members: now.members,
    parts: [...last.kept, ...partsOf(last.pool, couplings)],
    failures: failuresOf(plan.devices.keys(), standing),
    detaches: last.detaches,
    hold: last.hold,
    held: last.held,
  };
}

/** What is to be planned for. */
interface Now {
  readonly basis: Basis;
  readonly members: Members;
  readonly couplings: Couplings;
  readonly standing: Standing;
}

/** What is decided anew. */
interface Decided {
  /** Of the parts before those that are no more, and those that go on. */
  readonly concerned: readonly Part[];
  readonly kept: readonly Part[];
  /** All that is in no part that goes on. */
  readonly pool: Members;
  readonly wishes: Wishes;
  /** Of the whole host: see Planned. */
  readonly detaches: readonly DetachStep[];
  readonly unasked: readonly DetachStep[];
  readonly hold: Hold | undefined;
  readonly held: readonly Address[];
}

/** By what the objects differ from those of an earlier plan; from none where their order is another one. */
function startFrom(before: Planned, members: Members): { readonly start: Planned; readonly changes: MemberChanges } {
  const changes = changesOf(before.members, members);
  if (changes !== undefined) return { start: before, changes };
  return { start: NOTHING_PLANNED, changes: { gone: NOTHING_PLANNED.members, fresh: members } };
}

/**
 * Decides what is wanted in all parts that have one of these ties, and whether too many devices would leave running guests
 * at once, which is asked of the whole host.
 * @param fresh the objects that are in no part yet.
 */
function decide(start: Planned, now: Now, ties: readonly string[], fresh: Members): Decided {
  const { kept, concerned } = divided(start.parts, new Set(ties));
  const pool = membersIn(new Set([...concerned.flatMap(listOf), ...listOf(fresh)]), now.members);
  const wishes = wishesOf(basisWith(now.basis, pool), now.standing);
  const addresses = new Set(addressesOf(concerned, start.entries));
  const others = start.detaches.filter(({ device }) => !addresses.has(device));
  const detaches = [...others, ...wishes.detaches].sort((a, b) => compareAddresses(a.device, b.device));
  const unasked = unaskedOf(detaches, now.standing.approved);
  const hold = approvalHold(unasked, now.basis.source.policy);
  const held = hold === undefined ? [] : unasked.map(({ device }) => device);
  return { concerned, kept, pool, wishes, detaches, unasked, hold, held };
}

function divided(parts: readonly Part[], ties: ReadonlySet<string>): { kept: Part[]; concerned: Part[] } {
  const isTied = (tie: string): boolean => ties.has(tie);
  const kept: Part[] = [];
  const concerned: Part[] = [];
  for (const part of parts) (part.ties.some(isTied) ? concerned : kept).push(part);
  return { kept, concerned };
}

function sameHold(a: Pick<Decided, 'hold' | 'held'>, b: Pick<Decided, 'hold' | 'held'>): boolean {
  return a.hold?.message === b.hold?.message && a.held.join() === b.held.join();
}

/** The devices about which something was decided while their steps had failed more often, or less. */
function changedFailures({ plan, failures }: Planned, standing: Standing): Address[] {
  const isOther = (address: Address): boolean => standing.failures(address) !== (failures.get(address) ?? 0);
  return [...plan.devices.keys()].filter(isOther);
}

function failuresOf(addresses: Iterable<Address>, { failures }: Standing): Map<Address, number> {
  return new Map([...addresses].map(address => [address, failures(address)] as const).filter(([, count]) => count > 0));
}
