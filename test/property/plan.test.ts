import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SourcedAssignment, SourceSnapshot } from '../../src/api/manifest.ts';
import type { Claim } from '../../src/plan/claims.ts';
import type { HeldDevice, Inventory } from '../../src/plan/inventory.ts';
import { type Observed, type ObservedDomain, type Place, samePlace } from '../../src/plan/observed.ts';
import { nextSteps, type Plan, plan, planSteps } from '../../src/plan/plan.ts';
import type { Step } from '../../src/plan/step.ts';
import { address, applied, assignment, device, domain, entry, observed, ours, source } from '../world.ts';

const DEVICES = ['0000:01:00.0', '0000:02:00.0', '0000:03:00.0', '0000:04:00.0'] as const;
const NAMES = ['red', 'blue', 'green'] as const;

/** Follows the plan as the loop does: look, plan, one step per device, look again. */
function follow(start: Observed, desired: SourceSnapshot, held: Inventory, stopAfter = Number.POSITIVE_INFINITY) {
  let world = start;
  let inventory = held;
  const taken: Step[] = [];
  for (let round = 0; round < 50; round++) {
    const decided = plan(world, desired, inventory);
    inventory = decided.inventory;
    const [step] = nextSteps(decided);
    if (step === undefined || taken.length >= stopAfter) return { world, inventory, taken, decided };
    world = applied(world, step);
    taken.push(step);
  }
  throw new Error(`no end: ${JSON.stringify(taken)}`);
}

const placeArb: fc.Arbitrary<Place> = fc.oneof(
  fc.constant<Place>({ at: 'host' }),
  fc.constant<Place>({ at: 'assignable' }),
  fc.constantFrom(1, 2, 3).map((domid): Place => ({ at: 'guest', domid, domain: NAMES[domid - 1] ?? '' })),
);

const domainsArb: fc.Arbitrary<ObservedDomain[]> = fc.tuple(
  ...NAMES.map((name, index) =>
    fc
      .record({
        running: fc.boolean(),
        state: fc.constantFrom<ObservedDomain['state']>('running', 'running', 'running', 'paused', 'changing'),
        toolstack: fc.constantFrom<ObservedDomain['toolstack']>('libvirt', 'libvirt', 'xl'),
        passthrough: fc.constantFrom<ObservedDomain['passthrough']>('on', 'on', 'off', 'unknown'),
        type: fc.constantFrom<ObservedDomain['type']>('pv', 'pv', 'hvm', 'pvh'),
        stored: fc.boolean(),
      })
      .map(({ running, state, stored, toolstack, ...rest }) => {
        // A domain that only xl knows exists while it runs, and libvirt keeps no definition of it.
        const base = domain(name, {
          ...rest,
          toolstack,
          ...(running || toolstack === 'xl' ? { domid: index + 1, state } : {}),
        });
        const { stored: _, ...xl } = base;
        return toolstack === 'xl' ? xl : { ...base, stored: { hostdevs: [], passthrough: stored } };
      }),
  ),
);

const worldArb: fc.Arbitrary<Observed> = fc
  .tuple(
    domainsArb,
    fc.array(placeArb, { minLength: DEVICES.length, maxLength: DEVICES.length }),
    fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  )
  .map(([domains, places, marks]) => {
    const running = new Set(domains.map(item => item.domid));
    const devices = DEVICES.map((text, index) => {
      const place = places[index] ?? { at: 'host' };
      return device(text, place.at === 'guest' && !running.has(place.domid) ? { at: 'assignable' } : place);
    });
    const believed = domains.map(item => ({
      ...item,
      live: devices
        .filter(
          (found, index) =>
            item.toolstack === 'libvirt' &&
            found.place.at === 'guest' &&
            found.place.domid === item.domid &&
            marks[index],
        )
        .map(found => ours(found.address)),
    }));
    return observed(devices, believed);
  });

const assignmentArb = (index: number): fc.Arbitrary<SourcedAssignment> =>
  fc
    .record({
      to: fc.constantFrom(...NAMES, 'nowhere'),
      devices: fc.subarray([...DEVICES]),
      sharing: fc.constantFrom('Exclusive', 'FirstStarted' as const),
      whenMissing: fc.constantFrom('Fail', 'Ignore' as const),
      updatePolicy: fc.constantFrom('Live', 'Live', 'OnNextStart' as const),
      whenStopped: fc.constantFrom('Assignable', 'Host' as const),
      deletionPolicy: fc.constantFrom('Assignable', 'Host', 'Orphan' as const),
      suspend: fc.constantFrom(false, false, false, true),
    })
    .map(({ to, devices, sharing, whenMissing, ...spec }) =>
      assignment(
        `a${index}`,
        to,
        devices.map(text => entry(`d${text.slice(5, 7)}`, text, { sharing, whenMissing })),
        spec as never,
      ),
    );

const sourceArb: fc.Arbitrary<SourceSnapshot> = fc
  .tuple(
    fc.array(fc.nat(2), { maxLength: 3 }).chain(list => fc.tuple(...list.map((_, index) => assignmentArb(index)))),
    fc.constantFrom(true, true, true, false),
  )
  .map(([assignments, complete]) => source(assignments, { complete }));

const inventoryArb: fc.Arbitrary<Inventory> = fc
  .array(
    fc.record({
      text: fc.constantFrom(...DEVICES),
      name: fc.constantFrom(...NAMES),
      deletionPolicy: fc.constantFrom<HeldDevice['deletionPolicy']>('Assignable', 'Host', 'Orphan'),
      updatePolicy: fc.constantFrom<HeldDevice['updatePolicy']>('Live', 'OnNextStart'),
    }),
    { maxLength: 4 },
  )
  .map(
    records =>
      new Map(
        records.map(({ text, name, ...rest }) => [
          address(text),
          { address: address(text), assignment: 'before', entry: 'x', domain: { name, uuid: `uuid-${name}` }, ...rest },
        ]),
      ),
  );

const runs = { numRuns: 10_000 };
const anyWorld = [worldArb, sourceArb, inventoryArb] as const;

describe('laws of the plan', () => {
  test('following the plan brings every device to the place that the plan gives it', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held) => {
        const first = plan(world, desired, held);
        const { world: end, decided } = follow(world, desired, held);
        for (const [at, { want }] of first.devices) {
          if (want === undefined) continue;
          const found = end.devices.get(at)?.place;
          expect(found !== undefined && samePlace(found, want)).toBe(true);
        }
        expect(planSteps(decided)).toEqual([]);
      }),
      runs,
    );
  });

  test('a plan that was followed to its end was followed exactly: no step more, none other', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held) => {
        const whole = plan(world, desired, held);
        const { taken } = follow(world, desired, held);
        expect(taken.map(withoutVia).sort()).toEqual(planSteps(whole).map(withoutVia).sort());
      }),
      runs,
    );
  });

  test('a device that no manifest names and that we do not hold is never touched', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held) => {
        const named = new Set(
          desired.assignments.flatMap(item => item.assignment.spec.devices.map(found => found.address)),
        );
        for (const step of planSteps(plan(world, desired, held))) {
          const touched =
            step.verb === 'configure' ? [...step.add.map(added => added.device), ...step.remove] : [step.device];
          for (const at of touched) expect(named.has(at) || held.has(at)).toBe(true);
        }
      }),
      runs,
    );
  });

  test('stopping after any step, losing all memory but the record, and planning again continues with the rest', () => {
    fc.assert(
      fc.property(...anyWorld, fc.nat(8), (world, desired, held, stop) => {
        const whole = follow(world, desired, held);
        const part = follow(world, desired, held, stop);
        const rest = follow(part.world, desired, part.inventory);
        expect([...part.taken, ...rest.taken]).toEqual(whole.taken);
      }),
      runs,
    );
  });

  test('the order of manifests, entries, devices and domains makes no difference', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held) => {
        const turned = {
          ...world,
          devices: new Map([...world.devices].reverse()),
          domains: [...world.domains].reverse(),
        };
        const other = { ...desired, assignments: [...desired.assignments].reverse() };
        const again = plan(turned, other, new Map([...held].reverse()));
        expect(outcome(again)).toEqual(outcome(plan(world, desired, held)));
      }),
      runs,
    );
  });

  test('while anything is unreadable, nothing is taken away because it is no longer named', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held) => {
        const unsure = { ...desired, complete: false };
        const named = new Set(
          desired.assignments.flatMap(item => item.assignment.spec.devices.map(found => found.address)),
        );
        for (const step of planSteps(plan(world, unsure, held))) {
          const taken = step.verb === 'configure' ? step.remove : [step.device];
          for (const at of taken) expect(named.has(at)).toBe(true);
        }
      }),
      runs,
    );
  });

  test('two entries for one device move nobody', () => {
    fc.assert(
      fc.property(worldArb, inventoryArb, fc.constantFrom(...DEVICES), (world, held, text) => {
        const both = source(['red', 'blue'].map(name => assignment(name, name, [entry('x', text)])));
        const steps = planSteps(plan(world, both, held)).filter(
          step => step.verb !== 'configure' && step.device === text,
        );
        expect(steps).toEqual([]);
      }),
      runs,
    );
  });

  test('of several that share a device, the one that has it keeps it, and all others that run are told so', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held) => {
        const runs = (claim: Claim) =>
          world.domains.find(item => item.name === domainOf(claim) && item.domid !== undefined);
        const shared = [...plan(world, desired, held).devices.values()]
          .filter(({ claims }) => claims.length > 1 && claims.every(claim => claim.conflict === undefined))
          .filter(({ claims, have }) => claims.some(claim => isWith(have, runs(claim))));
        for (const { have, followed, steps, others } of shared) {
          expect(followed !== undefined && isWith(have, runs(followed))).toBe(true);
          expect(steps).toEqual([]);
          expect(others.filter(({ claim, hold }) => hold === undefined && runs(claim) !== undefined)).toEqual([]);
        }
      }),
      runs,
    );
  });

  test('an attachment that is not ours, to a domain that no assignment names, is not undone', () => {
    fc.assert(
      fc.property(worldArb, sourceArb, (world, desired) => {
        const strangers = { ...world, domains: world.domains.map(item => ({ ...item, live: [] })) };
        const assigned = new Set(
          desired.assignments.flatMap(({ assignment: { spec } }) => ('name' in spec.domain ? [spec.domain.name] : [])),
        );
        for (const step of planSteps(plan(strangers, desired, new Map()))) {
          if (step.verb === 'detach') expect(assigned.has(step.guest.name)).toBe(true);
        }
      }),
      runs,
    );
  });

  test('every device that is not where it should be has a step or a reason', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held) => {
        for (const found of plan(world, desired, held).devices.values()) {
          if (found.claims.length === 0) continue;
          const inPlace = found.have !== undefined && found.want !== undefined && samePlace(found.have, found.want);
          expect(inPlace || found.steps.length > 0 || found.hold !== undefined).toBe(true);
          if (found.hold !== undefined) expect(found.hold.message).not.toBe('');
        }
      }),
      runs,
    );
  });
});

function domainOf(claim: Claim): string | undefined {
  const selector = claim.assignment.assignment.spec.domain;
  return 'name' in selector ? selector.name : undefined;
}

function isWith(place: Place | undefined, domain: ObservedDomain | undefined): boolean {
  return place?.at === 'guest' && domain !== undefined && place.domid === domain.domid;
}

function withoutVia(step: Step): string {
  return JSON.stringify({ ...step, via: undefined });
}

function outcome(decided: Plan) {
  return {
    steps: planSteps(decided)
      .map(step => JSON.stringify(step))
      .sort(),
    holds: [...decided.devices.values()].map(found => [found.address, found.want, found.hold?.reason]).sort(),
    inventory: [...decided.inventory.values()].map(record => JSON.stringify({ ...record, assignment: '' })).sort(),
  };
}
