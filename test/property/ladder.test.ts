import { describe, expect, test } from 'vitest';
import type { DeletionPolicy, SourceSnapshot } from '../../src/api/manifest.ts';
import type { Inventory } from '../../src/plan/inventory.ts';
import { type Observed, type Place, placeText, samePlace } from '../../src/plan/observed.ts';
import { nextSteps, plan, planSteps } from '../../src/plan/plan.ts';
import type { Step } from '../../src/plan/step.ts';
import { address, applied, assignment, device, domain, entry, observed, source } from '../world.ts';

const AT = '0000:01:00.0';
const PLACES: readonly Place[] = [
  { at: 'host' },
  { at: 'assignable' },
  { at: 'guest', domid: 1, domain: 'red' },
  { at: 'guest', domid: 2, domain: 'blue' },
];

/** Every way in which a manifest can want one device to be somewhere, with the place that it means. */
const WISHES: readonly { name: string; desired: SourceSnapshot; held: DeletionPolicy; place: Place }[] = [
  ...(['red', 'blue'] as const).map((name, index) => ({
    name: `guest ${name}`,
    desired: source([assignment('a', name, [entry('lan', AT)])]),
    held: 'Assignable' as const,
    place: { at: 'guest', domid: index + 1, domain: name } as const,
  })),
  ...(['Assignable', 'Host'] as const).map(whenStopped => ({
    name: `a shut-off domain, ${whenStopped}`,
    desired: source([assignment('a', 'off', [entry('lan', AT)], { whenStopped })]),
    held: 'Assignable' as const,
    place: { at: whenStopped === 'Host' ? 'host' : 'assignable' } as const,
  })),
];

function world(place: Place): Observed {
  return observed([device(AT, place)], [domain('red', { domid: 1 }), domain('blue', { domid: 2 }), domain('off')]);
}

/** A record that says that whoever has the device has it from us. */
function heldAt(place: Place, deletionPolicy: DeletionPolicy): Inventory {
  const name = place.at === 'guest' ? place.domain : 'red';
  const at = address(AT);
  const record = { address: at, assignment: 'a', entry: 'lan', deletionPolicy, updatePolicy: 'Live' } as const;
  return new Map([[at, { ...record, domain: { name, uuid: `uuid-${name}` } }]]);
}

function walk(start: Observed, desired: SourceSnapshot, held: Inventory) {
  const trail: { world: Observed; inventory: Inventory; step?: Step }[] = [{ world: start, inventory: held }];
  for (;;) {
    const last = trail[trail.length - 1];
    if (last === undefined || trail.length > 20) throw new Error('no end');
    const decided = plan(last.world, desired, last.inventory);
    const [step] = nextSteps(decided);
    if (step === undefined) return trail;
    trail.push({ world: applied(last.world, step), inventory: decided.inventory, step });
  }
}

const verbs = (steps: readonly (Step | undefined)[]): string[] =>
  steps.flatMap(step => (step === undefined || step.verb === 'configure' ? [] : [step.verb]));

describe('one device, exhaustively', () => {
  test('every place to every wish: the shortest way, and the same rest after a crash at every point', () => {
    let pairs = 0;
    let crashes = 0;
    for (const have of PLACES) {
      for (const wish of WISHES) {
        const trail = walk(world(have), wish.desired, heldAt(have, wish.held));
        const steps = trail.slice(1).map(point => point.step);
        const end = trail.at(-1)?.world.devices.get(address(AT))?.place;
        expect(end !== undefined && samePlace(end, wish.place), `${placeText(have)} to ${wish.name}`).toBe(true);
        expect(verbs(steps)).toEqual(shortest(have, wish.place));
        pairs++;
        for (const [index, point] of trail.entries()) {
          const rest = walk(point.world, wish.desired, point.inventory).slice(1);
          expect(rest.map(after => after.step)).toEqual(steps.slice(index));
          crashes++;
        }
      }
    }
    // 34 points on the ladder itself, and 12 pairs in which a stored definition changes too.
    expect({ pairs, crashes }).toEqual({ pairs: 16, crashes: 46 });
  });

  test('an entry that goes: every place, every deletion policy', () => {
    const ends = PLACES.flatMap(have =>
      (['Assignable', 'Host', 'Orphan'] as const).map(policy => {
        const trail = walk(world(have), source([]), heldAt(have, policy));
        const last = trail.at(-1);
        const end = last?.world.devices.get(address(AT))?.place;
        const remembered = last === undefined ? 1 : plan(last.world, source([]), last.inventory).inventory.size;
        return `${placeText(have)}, ${policy}: ${end === undefined ? '?' : placeText(end)}, ${remembered} remembered`;
      }),
    );
    expect(ends).toMatchInlineSnapshot(`
      [
        "host, Assignable: host, 0 remembered",
        "host, Host: host, 0 remembered",
        "host, Orphan: host, 0 remembered",
        "assignable, Assignable: assignable, 0 remembered",
        "assignable, Host: host, 0 remembered",
        "assignable, Orphan: assignable, 0 remembered",
        "guest red, Assignable: assignable, 0 remembered",
        "guest red, Host: host, 0 remembered",
        "guest red, Orphan: guest red, 0 remembered",
        "guest blue, Assignable: assignable, 0 remembered",
        "guest blue, Host: host, 0 remembered",
        "guest blue, Orphan: guest blue, 0 remembered",
      ]
    `);
  });

  test('an entry that goes while anything is unreadable: nothing happens', () => {
    for (const have of PLACES) {
      for (const policy of ['Assignable', 'Host', 'Orphan'] as const) {
        const held = heldAt(have, policy);
        const decided = plan(world(have), source([], { complete: false }), held);
        expect(planSteps(decided)).toEqual([]);
        expect(decided.inventory).toBe(held);
      }
    }
  });
});

function shortest(have: Place, want: Place): string[] {
  if (samePlace(have, want)) return [];
  const down = have.at === 'guest' ? ['detach'] : have.at === 'host' ? ['bind'] : [];
  const up = want.at === 'guest' ? ['attach'] : want.at === 'host' ? ['release'] : [];
  return [...down, ...up];
}
