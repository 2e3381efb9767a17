import type { Claim } from './claims.ts';
import { findDomain } from './domains.ts';
import { type Hold, wait } from './hold.ts';
import type { HeldDevice } from './inventory.ts';
import { type ObservedDomain, type Place, samePlace } from './observed.ts';
import type { Situation } from './situation.ts';
import { type Want, wantOfClaim } from './want.ts';

/** A claim on a device that is not followed now. Without `hold` its domain is off, and nothing keeps it from its turn. */
export interface Bystander {
  readonly claim: Claim;
  readonly hold?: Hold;
}

/** What the claims on one device come to. */
export interface Turn {
  /** The only claim, or of those that share the device the one whose turn it is. */
  readonly followed: Claim;
  readonly want: Want;
  readonly others: readonly Bystander[];
}

/** A claim with what it would want if it were alone. */
interface Sharer {
  readonly claim: Claim;
  readonly domain: ObservedDomain | undefined;
  readonly want: Want;
}

/**
 * Whose turn it is: the domain that has the device keeps it; otherwise it goes to the one that was started first, which
 * has the lowest domain id, of those that can take it. While nobody can, the device is assignable, unless all who have a
 * say in it want it on the host.
 *
 * @param claims at least one.
 */
export function takeTurns(
  claims: readonly [Claim, ...Claim[]],
  held: HeldDevice | undefined,
  situation: Situation,
): Turn {
  const [first, ...more] = claims;
  if (more.length === 0) return { followed: first, want: wantOfClaim(first, held, situation), others: [] };
  const sharerOf = (claim: Claim): Sharer => ({
    claim,
    domain: findDomain(situation.observed, claim.assignment.assignment.spec.domain),
    want: wantOfClaim(claim, held, situation),
  });
  const sharers: [Sharer, ...Sharer[]] = [sharerOf(first), ...more.map(sharerOf)];
  if (first.conflict !== undefined) return turnOf(sharers[0], sharers);
  sharers.sort((a, b) => (nameOf(a.claim) < nameOf(b.claim) ? -1 : 1));
  const place = situation.observed.devices.get(first.address)?.place;
  const next =
    sharers.find(({ domain }) => hasIt(domain, place)) ??
    sharers.find(({ want }) => want.hold?.reason === 'Drifted') ??
    firstStarted(sharers.filter(isInLine));
  return next === undefined ? betweenTurns(sharers, place) : turnFor(next, sharers, place);
}

function turnOf(own: Sharer, sharers: readonly Sharer[]): Turn {
  const others = sharers.filter(sharer => sharer !== own);
  return { followed: own.claim, want: own.want, others: others.map(bystander) };
}

function bystander({ claim, want }: Sharer): Bystander {
  return want.hold === undefined ? { claim } : { claim, hold: want.hold };
}

function turnFor(next: Sharer, sharers: readonly Sharer[], place: Place | undefined): Turn {
  const turn = turnOf(next, sharers);
  const others = turn.others.map(other => {
    const domain = sharers.find(({ claim }) => claim === other.claim)?.domain;
    if (domain === undefined || isRefused(other)) return other;
    return domain.domid === undefined && !isElsewhere(place, sharers)
      ? { claim: other.claim }
      : { claim: other.claim, hold: inUse(next, domain, place) };
  });
  return { ...turn, others };
}

/** Nobody runs that could take it: the device waits where all can have it. */
function betweenTurns(sharers: readonly [Sharer, ...Sharer[]], have: Place | undefined): Turn {
  const places = sharers.flatMap(({ want }) => want.place ?? []);
  const place = places.find(({ at }) => at !== 'host') ?? places[0];
  const followed = sharers.find(
    ({ want }) => want.place !== undefined && place !== undefined && samePlace(want.place, place),
  );
  const turn = turnOf(followed ?? sharers[0], sharers);
  if (have?.at !== 'guest' || !isElsewhere(have, sharers)) return turn;
  const message = `${have.domain} has ${turn.followed.address}, and does not share it; it is free when ${have.domain} lets go of it`;
  const hold = wait('SharedInUse', message);
  return { ...turn, others: turn.others.map(other => ({ hold, ...other })) };
}

/** Whether a guest has the device that is none of those that share it. */
function isElsewhere(place: Place | undefined, sharers: readonly Sharer[]): boolean {
  return place?.at === 'guest' && !sharers.some(({ domain }) => hasIt(domain, place));
}

function hasIt(domain: ObservedDomain | undefined, place: Place | undefined): boolean {
  return domain?.domid !== undefined && place?.at === 'guest' && place.domid === domain.domid;
}

/** Whether a sharer would get the device now. One that is just starting counts: its definition may bring the device. */
function isInLine({ domain, want }: Sharer): boolean {
  return domain?.domid !== undefined && (want.place?.at === 'guest' || want.hold?.reason === 'DomainChanging');
}

function firstStarted(sharers: readonly Sharer[]): Sharer | undefined {
  return sharers.toSorted((a, b) => (a.domain?.domid ?? 0) - (b.domain?.domid ?? 0))[0];
}

/** Whether something keeps a claim from the device that has nothing to do with whose turn it is. */
function isRefused({ claim, hold }: Bystander): boolean {
  const isItsOwn = hold?.reason === 'SourceIncomplete' || hold?.reason === 'DeviceMissing';
  return hold?.kind === 'guard' || isItsOwn || claim.assignment.assignment.spec.suspend;
}

function inUse(next: Sharer, domain: ObservedDomain, place: Place | undefined): Hold {
  const { claim } = next;
  const holder = next.domain?.name ?? '';
  const fact = hasIt(next.domain, place)
    ? `${holder} has ${claim.address}`
    : `${holder} is first to get ${claim.address}`;
  return wait('SharedInUse', `${fact}, which it shares with ${domain.name}; it is free again when ${holder} stops`);
}

function nameOf({ assignment, entry }: Claim): string {
  return `${assignment.assignment.metadata.name}/${entry.name}`;
}
