import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SourceSnapshot } from '../../src/api/manifest.ts';
import type { Inventory } from '../../src/plan/inventory.ts';
import {
  type Observed,
  type ObservedDevice,
  type ObservedDomain,
  type Place,
  placeText,
} from '../../src/plan/observed.ts';
import { nextSteps, plan } from '../../src/plan/plan.ts';
import { whyIrreversible } from '../../src/plan/reversible.ts';
import { NO_STANDING } from '../../src/plan/standing.ts';
import { applied, assignment, device, domain, entry, observed, ours, policy, source } from '../world.ts';

/** Goes on by single steps in an order of its own, and stops after some of them. */
function wander(start: Observed, desired: SourceSnapshot, held: Inventory, turns: readonly number[]) {
  let world = start;
  let inventory = held;
  let moved = 0;
  for (const turn of turns) {
    const decided = plan(world, desired, inventory, NO_STANDING);
    inventory = decided.inventory;
    const next = nextSteps(decided);
    const step = next[turn % Math.max(next.length, 1)];
    if (step === undefined) break;
    world = applied(world, step);
    moved += step.verb === 'configure' ? 0 : 1;
  }
  return { world, inventory, moved };
}

/** Where every device is, on which driver, and what every definition has. */
function lay({ devices, domains }: Observed): string[] {
  return [
    ...[...devices.values()].map(
      ({ address, place, driver, unfiltered, permissive }) =>
        `${address} ${placeText(place)} ${place.at === 'host' ? driver : ''} ${unfiltered === true || permissive === true}`,
    ),
    ...domains.map(({ name, stored }) => {
      const entries = stored?.hostdevs.map(({ address, permissive }) => `${address} ${permissive}`);
      return `${name} ${stored?.passthrough} ${[...new Set(entries)].sort().join()}`;
    }),
  ];
}

const FREE = ['0000:01:00.0', '0000:03:00.0', '0000:04:00.0'] as const;
const NAMES = ['red', 'blue', 'off'] as const;

/** Mostly the first: what is odd in a world is odd in one place. */
function mostly<T>(usual: T, ...odd: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 7, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });
}

const guestArb = fc.record({
  state: mostly<ObservedDomain['state']>('running', 'paused', 'changing'),
  toolstack: mostly<ObservedDomain['toolstack']>('libvirt', 'xl'),
  passthrough: mostly<ObservedDomain['passthrough']>('on', 'off', 'unknown'),
  type: mostly<ObservedDomain['type']>('pv', 'hvm', 'pvh'),
  ready: mostly(true, false),
});

const deviceArb = fc.record({
  place: fc.constantFrom<Place>(
    { at: 'host' },
    { at: 'host' },
    { at: 'assignable' },
    { at: 'guest', domid: 1, domain: 'red' },
  ),
  ours: fc.boolean(),
  card: mostly('10d3', '10fb'),
  uses: mostly<ObservedDevice['uses']>([], [{ guard: 'MountedFilesystem', text: 'is mounted' }]),
  driver: mostly<string | undefined>('e1000e', undefined, 'vfio'),
  resetMethods: mostly<readonly string[]>(['flr'], []),
});

/** The guests red and blue, which run, and one that is off; what a guest has may be ours or somebody else's. */
const hostArb: fc.Arbitrary<Observed> = fc
  .tuple(guestArb, guestArb, fc.tuple(deviceArb, deviceArb, deviceArb))
  .map(([red, blue, facts]) => {
    const devices = facts.map(({ place, card, uses, driver, resetMethods }, index) => {
      const { driver: usual, ...found } = device(FREE[index] ?? '', place);
      const named = place.at === 'host' ? driver : usual;
      return {
        ...found,
        identity: { vendor: '8086', device: card, class: '0200' },
        uses: place.at === 'host' ? uses : [],
        resetMethods,
        ...(named === undefined ? {} : { driver: named }),
      };
    });
    const own = devices.filter((found, index) => found.place.at === 'guest' && facts[index]?.ours === true);
    const entries = own.map(({ address }) => ours(address));
    const guests = [red, blue].map(({ ready, ...more }, index) => {
      const hostdevs = index === 0 && more.toolstack === 'libvirt' ? entries : [];
      const { stored, ...found } = domain(NAMES[index] ?? '', { ...more, domid: index + 1, live: hostdevs });
      return more.toolstack === 'xl' ? found : { ...found, stored: { ...stored, hostdevs, passthrough: ready } };
    });
    return observed(devices, [...guests, domain('off')]);
  });

const entryArb = fc.record({
  to: mostly<string | undefined>('red', 'blue', 'off', 'nowhere', undefined),
  other: fc.boolean(),
  deletionPolicy: fc.constantFrom('Host', 'Host', 'Assignable', 'Orphan' as const),
  updatePolicy: mostly<'Live' | 'OnNextStart'>('Live', 'OnNextStart'),
  whenStopped: mostly<'Host' | 'Assignable'>('Assignable', 'Host'),
  driftPolicy: mostly<'Correct' | 'Report'>('Correct', 'Report'),
  suspend: mostly(false, true),
  permissive: mostly(false, true),
  expected: mostly<string | undefined>(undefined, '10d3'),
});

/** What somebody writes: an assignment for each device, or none, and rules. */
const wishArb: fc.Arbitrary<SourceSnapshot> = fc
  .tuple(
    fc.tuple(entryArb, entryArb, entryArb),
    fc.record({ forceDetach: fc.boolean(), maxDetachesPerPass: mostly(2, 0, 1), allow: mostly(false, true) }),
    mostly(true, false),
  )
  .map(([entries, { allow, ...rules }, complete]) => {
    const assignments = entries.flatMap(({ to, other, permissive, expected, ...spec }, index) => {
      const item = entry('x', FREE[index] ?? '', {
        permissive,
        ...(expected === undefined ? {} : { identity: { device: expected } }),
      });
      const name = to === 'red' && other ? 'blue' : to;
      return name === undefined ? [] : [assignment(`a${index}`, name, [item], spec)];
    });
    return source(assignments, {
      complete,
      policy: policy({ ...rules, allow: allow ? ['MountedFilesystem', 'NoReset'] : [] }),
    });
  });

const turnsArb = fc.array(fc.nat(11), { minLength: 1, maxLength: 16 });

/** As long as anything is to be done. */
const TO_THE_END = Array.from({ length: 50 }, () => 0);

describe('laws of what can be taken back', { timeout: 180_000 }, () => {
  test('going there, by any order of steps and stopping anywhere, and back ends where it began', () => {
    let journeys = 0;
    fc.assert(
      fc.property(hostArb, wishArb, wishArb, turnsArb, (host, before, after, turns) => {
        // A trial begins on a host that is at rest.
        const { world: home, inventory } = wander(host, before, new Map(), TO_THE_END);
        const attempt = { observed: home, inventory, before, after, standing: NO_STANDING };
        if (whyIrreversible(attempt).length > 0) return;
        const away = wander(home, after, inventory, turns);
        journeys += away.moved > 0 ? 1 : 0;
        const back = wander(away.world, before, away.inventory, TO_THE_END);
        expect(lay(back.world)).toEqual(lay(home));
      }),
      { numRuns: 3_000 },
    );
    // Not for want of journeys.
    expect(journeys).toBeGreaterThan(100);
  });

  test('what is the same can be tried, whatever the host is like', () => {
    fc.assert(
      fc.property(hostArb, wishArb, (host, desired) => {
        const { world: home, inventory } = wander(host, desired, new Map(), TO_THE_END);
        const attempt = { observed: home, inventory, before: desired, after: desired, standing: NO_STANDING };
        expect(whyIrreversible(attempt)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('it names everything once, and comes to an end on any host, at rest or not', () => {
    fc.assert(
      fc.property(hostArb, wishArb, wishArb, (observed, before, after) => {
        const found = whyIrreversible({ observed, inventory: new Map(), before, after, standing: NO_STANDING });
        expect(new Set(found.map(({ about }) => about)).size).toBe(found.length);
      }),
      { numRuns: 1_000 },
    );
  });
});
