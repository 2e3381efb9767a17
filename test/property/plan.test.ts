import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/api/address.ts';
import type { SwitchableGuard } from '../../src/api/guards.ts';
import type { PCIHostPolicy, SourcedAssignment, SourceSnapshot } from '../../src/api/manifest.ts';
import type { PciPath } from '../../src/api/path.ts';
import { NOTHING_SUSPENDED, type Suspensions } from '../../src/api/suspension.ts';
import { detachesToApprove } from '../../src/plan/approval.ts';
import type { Claim } from '../../src/plan/claims.ts';
import { companionsOf } from '../../src/plan/companions.ts';
import type { HeldDevice, Inventory } from '../../src/plan/inventory.ts';
import {
  type Iommu,
  type Observed,
  type ObservedDevice,
  type ObservedDomain,
  type Place,
  samePlace,
  type UseGuard,
} from '../../src/plan/observed.ts';
import { nextSteps, type Plan, plan, planSteps } from '../../src/plan/plan.ts';
import type { Standing } from '../../src/plan/standing.ts';
import type { DetachStep, DeviceStep, Step } from '../../src/plan/step.ts';
import { withSuspensions } from '../../src/plan/suspended.ts';
import { address, applied, assignment, device, domain, entry, observed, ours, policy, source } from '../world.ts';

/** The first two share a slot. */
const DEVICES = ['0000:01:00.0', '0000:01:00.1', '0000:03:00.0', '0000:04:00.0'] as const;
const NAMES = ['red', 'blue', 'green'] as const;

/** Follows the plan as the loop does: look, plan, one step per device, look again. */
function follow(
  start: Observed,
  desired: SourceSnapshot,
  held: Inventory,
  standing: Standing,
  stopAfter = Number.POSITIVE_INFINITY,
) {
  let world = start;
  let inventory = held;
  const taken: Step[] = [];
  for (let round = 0; round < 50; round++) {
    const decided = plan(world, desired, inventory, standing);
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

/** What is to be seen of a device that is, or was for an earlier guest, permissive. */
function optionsAt(place: Place, permissive: boolean): Partial<ObservedDevice> {
  if (place.at === 'host') return {};
  return { ...(permissive ? { unfiltered: true } : {}), ...(place.at === 'guest' ? { permissive } : {}) };
}

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
        isOdd: fc.boolean(),
      })
      .map(({ running, state, stored, toolstack, isOdd, ...rest }) => {
        // A domain that only xl knows exists while it runs, and libvirt keeps no definition of it.
        const exists = running || toolstack === 'xl';
        const base = domain(name, {
          ...rest,
          toolstack,
          ...(exists ? { domid: index + 1, state } : {}),
          ...(exists && state === 'changing' && isOdd ? { crashed: true } : {}),
          // Its start is being prepared: Xen does not show it yet.
          ...(!exists && state === 'changing' ? { state } : {}),
        });
        const { stored: _, ...xl } = base;
        return toolstack === 'xl' ? xl : { ...base, stored: { hostdevs: [], passthrough: stored } };
      }),
  ),
);

/** What guards go by: mostly nothing. */
const factsArb: fc.Arbitrary<Partial<ObservedDevice>> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  fc
    .uniqueArray(fc.constantFrom<UseGuard>('MountedFilesystem', 'NetworkAddress', 'UseUnknown'), { minLength: 1 })
    .map(guards => ({ uses: guards.map(guard => ({ guard, text: 'is used' })) })),
  fc.constant({ dead: 'it is silent' }),
  fc.constant({ virtual: true as const }),
  fc.constant({ path: '00_01.0/00_00.0' as PciPath, resetMethods: ['bus'] }),
);

const worldArb: fc.Arbitrary<Observed> = fc
  .tuple(
    domainsArb,
    fc.array(placeArb, { minLength: DEVICES.length, maxLength: DEVICES.length }),
    fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    fc.array(factsArb, { minLength: DEVICES.length, maxLength: DEVICES.length }),
    fc.constantFrom<Iommu['state']>('present', 'present', 'present', 'present', 'absent'),
    fc.array(fc.constantFrom('10d3', '10d3', '10d3', '10fb'), { minLength: DEVICES.length, maxLength: DEVICES.length }),
    fc.boolean(),
    fc.array(fc.constantFrom(false, false, true), { minLength: DEVICES.length, maxLength: DEVICES.length }),
  )
  .map(([domains, places, marks, facts, iommu, cards, hooked, permissive]): Observed => {
    const running = new Set(domains.map(item => item.domid));
    const devices = DEVICES.map((text, index) => {
      const place = places[index] ?? { at: 'host' };
      const at: Place = place.at === 'guest' && !running.has(place.domid) ? { at: 'assignable' } : place;
      const { uses = [], ...rest } = facts[index] ?? {};
      const identity = { vendor: '8086', device: cards[index] ?? '10d3', class: '0200' };
      const options = optionsAt(at, permissive[index] ?? false);
      return device(text, at, { identity, ...rest, ...options, uses: at.at === 'host' ? uses : [] });
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
    return {
      ...observed(devices, believed),
      iommu: iommu === 'unknown' ? { state: iommu, why: '' } : { state: iommu },
      ...(hooked ? { hookInForce: true as const } : {}),
    };
  });

const assignmentArb = (index: number): fc.Arbitrary<SourcedAssignment> =>
  fc
    .record({
      to: fc.constantFrom(...NAMES, 'nowhere'),
      devices: fc.subarray([...DEVICES]),
      sharing: fc.constantFrom('Exclusive', 'FirstStarted' as const),
      whenMissing: fc.constantFrom('Fail', 'Ignore' as const),
      permissive: fc.constantFrom(false, false, true),
      updatePolicy: fc.constantFrom('Live', 'Live', 'OnNextStart' as const),
      whenStopped: fc.constantFrom('Assignable', 'Host' as const),
      deletionPolicy: fc.constantFrom('Assignable', 'Host', 'Orphan' as const),
      driftPolicy: fc.constantFrom('Correct', 'Correct', 'Report' as const),
      suspend: fc.constantFrom(false, false, false, true),
      expected: fc.constantFrom(undefined, '10d3', '10fb'),
    })
    .map(({ to, devices, sharing, whenMissing, permissive, expected, ...spec }) =>
      assignment(
        `a${index}`,
        to,
        devices.map(text =>
          entry(`d${text.slice(5).replaceAll(/[:.]/g, '-')}`, text, {
            sharing,
            whenMissing,
            permissive,
            ...(expected === undefined ? {} : { identity: { device: expected } }),
          }),
        ),
        spec as never,
      ),
    );

const unbind = { command: ['/bin/let-go', '{guestDevice}'], timeoutSeconds: 30, onFailure: 'Refuse' } as const;
const policyArb: fc.Arbitrary<PCIHostPolicy | undefined> = fc.option(
  fc
    .record({
      maxDetachesPerPass: fc.nat(4),
      forceDetach: fc.boolean(),
      guestUnbind: fc.constantFrom(undefined, unbind),
      allow: fc.subarray<SwitchableGuard>(['MountedFilesystem', 'NetworkAddress', 'SharedSlot']),
    })
    .map(({ guestUnbind, ...rest }) => policy({ ...rest, ...(guestUnbind === undefined ? {} : { guestUnbind }) })),
  { nil: undefined },
);

/** What persons have suspended: assignments of today, and those that had what is held. */
const suspendedArb = fc.subarray(['a0', 'a1', 'a2', 'before']);
const suspensionsArb: fc.Arbitrary<Suspensions> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(NOTHING_SUSPENDED) },
  { weight: 2, arbitrary: suspendedArb.map(suspensions) },
  { weight: 1, arbitrary: fc.constant({ unusable: 'it is torn' }) },
);

function suspensions(names: readonly string[]): Suspensions {
  return { suspended: names.map(name => ({ assignment: name, since: 0, by: 'anna' })), resumed: [] };
}

const sourceArb: fc.Arbitrary<SourceSnapshot> = fc
  .tuple(
    fc.array(fc.nat(2), { maxLength: 3 }).chain(list => fc.tuple(...list.map((_, index) => assignmentArb(index)))),
    fc.constantFrom(true, true, true, false),
    policyArb,
    fc.constantFrom(false, false, false, true),
    suspensionsArb,
  )
  .map(([assignments, complete, rules, policyUnknown, suspended]) => {
    const written = source(assignments, {
      complete: complete && !policyUnknown,
      ...(policyUnknown ? { policyUnknown } : rules === undefined ? {} : { policy: rules }),
    });
    return withSuspensions(written, suspended);
  });

const inventoryArb: fc.Arbitrary<Inventory> = fc
  .array(
    fc.record({
      text: fc.constantFrom(...DEVICES),
      name: fc.constantFrom(...NAMES),
      assignment: fc.constantFrom('before', 'before', 'a0', 'a1'),
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
          { address: address(text), entry: 'x', domain: { name, uuid: `uuid-${name}` }, ...rest },
        ]),
      ),
  );

/** A person has approved some detaches; others of the same devices, from other guests, may be meant. */
const standingArb: fc.Arbitrary<Standing> = fc
  .record({
    devices: fc.subarray([...DEVICES]),
    domid: fc.constantFrom(1, 2, 3),
    all: fc.boolean(),
    failures: fc.constantFrom(0, 0, 5),
  })
  .map(({ devices, domid, all, failures }) => ({
    approved: (all ? [1, 2, 3] : [domid]).flatMap(id =>
      devices.map(text => ({ device: address(text), uuid: `uuid-${NAMES[id - 1]}`, domid: id, until: 1 })),
    ),
    failures: () => failures,
  }));

const runs = { numRuns: 10_000 };
const anyWorld = [worldArb, sourceArb, inventoryArb, standingArb] as const;

// Ten thousand worlds for each law, on machines that have other things to do.
describe('laws of the plan', { timeout: 180_000 }, () => {
  test('following the plan brings every device to the place that the plan gives it', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const first = plan(world, desired, held, standing);
        const { world: end, decided } = follow(world, desired, held, standing);
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
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const whole = plan(world, desired, held, standing);
        const { taken } = follow(world, desired, held, standing);
        expect(taken.map(withoutVia).sort()).toEqual(planSteps(whole).map(withoutVia).sort());
      }),
      runs,
    );
  });

  test('a device that no manifest names and that we do not hold is never touched', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const named = new Set(
          desired.assignments.flatMap(item => item.assignment.spec.devices.map(found => found.address)),
        );
        for (const step of planSteps(plan(world, desired, held, standing))) {
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
      fc.property(...anyWorld, fc.nat(8), (world, desired, held, standing, stop) => {
        const whole = follow(world, desired, held, standing);
        const part = follow(world, desired, held, standing, stop);
        const rest = follow(part.world, desired, part.inventory, standing);
        expect([...part.taken, ...rest.taken]).toEqual(whole.taken);
      }),
      runs,
    );
  });

  test('the order of manifests, entries, devices and domains makes no difference', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const turned = {
          ...world,
          devices: new Map([...world.devices].reverse()),
          domains: [...world.domains].reverse(),
        };
        const other = { ...desired, assignments: [...desired.assignments].reverse() };
        const turnedStanding = { ...standing, approved: [...standing.approved].reverse() };
        const again = plan(turned, other, new Map([...held].reverse()), turnedStanding);
        expect(outcome(again)).toEqual(outcome(plan(world, desired, held, standing)));
      }),
      runs,
    );
  });

  test('while anything is unreadable, nothing is taken away because it is no longer named', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const unsure = { ...desired, complete: false };
        const named = new Set(
          desired.assignments.flatMap(item => item.assignment.spec.devices.map(found => found.address)),
        );
        for (const step of planSteps(plan(world, unsure, held, standing))) {
          const taken = step.verb === 'configure' ? step.remove : [step.device];
          for (const at of taken) expect(named.has(at)).toBe(true);
        }
      }),
      runs,
    );
  });

  test('every bind and attach carries the card that was seen, and that the entry accepts', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const decided = plan(world, desired, held, standing);
        for (const step of planSteps(decided)) {
          if (step.verb !== 'bind' && step.verb !== 'attach') continue;
          const seen = world.devices.get(step.device);
          expect(step.card).toEqual({ identity: seen?.identity, path: seen?.path });
          const claims = decided.devices.get(step.device)?.claims ?? [];
          const expected = claims.map(claim => claim.entry.identity?.device);
          expect(expected.some(wanted => wanted === undefined || wanted === seen?.identity.device)).toBe(true);
        }
      }),
      runs,
    );
  });

  test('a suspended assignment takes no step, whichever way it is suspended, and its guest is left alone', () => {
    fc.assert(
      fc.property(...anyWorld, suspendedArb, (world, desired, held, standing, names) => {
        const decided = plan(world, withSuspensions(desired, suspensions(names)), held, standing);
        const asleep = new Set([...names, ...desired.assignments.filter(isSuspended).map(nameOf)]);
        const left = new Set(NAMES.filter(name => isLeft(name, desired, asleep)));
        for (const step of planSteps(decided)) {
          const scene = { decided, held, asleep, left };
          if (step.verb !== 'configure') expectAwake(step, scene);
          else expect(left).not.toContain(step.domain.name);
          const given = step.verb === 'configure' ? step.add.map(added => added.device) : [step.device];
          for (const at of given) expectNotTaken(at, scene);
        }
      }),
      runs,
    );
  });

  test('a person at the machine suspends exactly as the manifest does', () => {
    fc.assert(
      fc.property(...anyWorld, fc.subarray(['a0', 'a1', 'a2']), (world, desired, held, standing, names) => {
        const awake = withSuspensions(desired, NOTHING_SUSPENDED);
        const byHand = plan(world, withSuspensions(awake, suspensions(names)), held, standing);
        // The names of those that are gone count only for a person.
        const here = desired.assignments.map(nameOf);
        fc.pre(names.every(name => here.includes(name)));
        const assignments = awake.assignments.map(item =>
          names.includes(nameOf(item)) ? asleepByManifest(item) : item,
        );
        const written = plan(world, { ...awake, assignments }, held, standing);
        expect(planSteps(byHand)).toEqual(planSteps(written));
      }),
      runs,
    );
  });

  test('while nobody knows what is suspended there is no step', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const decided = plan(world, withSuspensions(desired, { unusable: 'it is torn' }), held, standing);
        expect(planSteps(decided)).toEqual([]);
        expect(decided.inventory).toEqual(held);
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

  test('losing the record at any moment loses no device, and lets go of nothing that no entry names', () => {
    fc.assert(
      fc.property(...anyWorld, fc.nat(8), (world, desired, held, standing, stop) => {
        const part = follow(world, desired, held, standing, stop);
        const rest = follow(part.world, desired, new Map(), standing);
        const named = new Set(rest.decided.entries.flatMap(({ claims }) => claims.map(claim => claim.address)));
        for (const step of rest.taken) {
          const touched =
            step.verb === 'configure' ? [...step.add.map(added => added.device), ...step.remove] : [step.device];
          expect(touched.filter(at => !named.has(at))).toEqual([]);
        }
        const kept = [...plan(part.world, desired, part.inventory, standing).devices.values()].filter(
          ({ have, want, claims }) =>
            claims.length > 0 && have !== undefined && want !== undefined && samePlace(have, want),
        );
        for (const { address: at, have } of kept) {
          expect(rest.taken.filter(step => step.verb === 'detach' && step.device === at)).toEqual([]);
          if (have?.at === 'guest') expect(rest.world.devices.get(at)?.place).toEqual(have);
        }
      }),
      runs,
    );
  });

  test('what others change of a device that was in place under driftPolicy Report is shown and left', () => {
    fc.assert(
      fc.property(
        ...anyWorld,
        fc.array(placeArb, { minLength: 4, maxLength: 4 }),
        (world, desired, held, standing, moved) => {
          const { world: settled, inventory } = follow(world, desired, held, standing);
          const running = new Set(settled.domains.map(item => item.domid));
          const meddled = [...settled.devices.values()].map((found, index) => {
            const place = moved[index] ?? found.place;
            return place.at === 'guest' && !running.has(place.domid) ? found : { ...found, place };
          });
          const after = plan(
            { ...settled, devices: new Map(meddled.map(item => [item.address, item])) },
            desired,
            inventory,
            standing,
          );
          const drifted = [...after.devices.values()].filter(({ address: at, have, followed }) => {
            const mark = inventory.get(at);
            const before = settled.devices.get(at)?.place;
            const same = have !== undefined && before !== undefined && samePlace(have, before);
            return (
              mark?.inPlace !== undefined && !same && followed?.assignment.assignment.metadata.name === mark.assignment
            );
          });
          for (const { address: at, steps, hold } of drifted) {
            expect(steps).toEqual([]);
            expect(['Drifted', 'DomainChanging', 'DomainCrashed', 'DomainPaused']).toContain(hold?.reason);
            expect(after.inventory.get(at)).toEqual(inventory.get(at));
          }
        },
      ),
      runs,
    );
  });

  test('of several that share a device, the one that has it keeps it, and all others that run are told so', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const runs = (claim: Claim) =>
          world.domains.find(item => item.name === domainOf(claim) && item.domid !== undefined);
        const shared = [...plan(world, desired, held, standing).devices.values()]
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

  test('at its end no device of ours is permissive on pciback, or in a guest without a reason, unless its entry says so', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const { world: end, decided } = follow(world, desired, held, standing);
        const resting = [...decided.devices.values()].filter(({ want }) => want !== undefined && want.at !== 'host');
        for (const { address: at, followed, want, hold } of resting) {
          const unfiltered = end.devices.get(at)?.unfiltered === true;
          const wanted = followed?.entry.permissive === true;
          if (want?.at === 'guest') expect([unfiltered === wanted, hold !== undefined]).toContain(true);
          // A dead card is touched no more than it has to be, and neither is one beside a function that a guest has: it is
          // bound anew when it is given to its own.
          else if (end.devices.get(at)?.dead === undefined && hold?.reason !== 'SlotInUse')
            expect(unfiltered && !wanted).toBe(false);
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

  test('no more devices leave running guests than may unasked, but for those approved; these all do', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const decided = plan(world, desired, held, standing);
        const leaving = nextSteps(decided).filter(step => step.verb === 'detach');
        const max = desired.policy?.spec.maxDetachesPerPass ?? 2;
        expect(leaving.filter(step => !isApproved(step, standing)).length).toBeLessThanOrEqual(max);
        const waiting = detachesToApprove(decided.devices);
        expect(waiting.filter(step => isApproved(step, standing))).toEqual([]);
        // All or none: what may go unasked does not go first and leave the rest to ask for.
        if (waiting.length > 0) expect(waiting.length).toBeGreaterThan(max);
        for (const { device: at } of waiting) {
          expect(decided.devices.get(at)?.hold?.reason).toBe('NeedsApproval');
          expect(planSteps(decided).some(step => touched(step).includes(at))).toBe(false);
        }
      }),
      runs,
    );
  });

  test('what was approved goes, whatever else there is, and then nothing waits for approval', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const waiting = detachesToApprove(plan(world, desired, held, standing).devices);
        const granted = waiting.map(({ device: at, guest: { uuid, domid } }) => ({
          device: at,
          uuid,
          domid,
          until: 1,
        }));
        const now = { ...standing, approved: [...standing.approved, ...granted] };
        expect(detachesToApprove(plan(world, desired, held, now).devices)).toEqual([]);
        const { taken } = follow(world, desired, held, now);
        for (const { device: at } of waiting) {
          expect(taken.some(step => step.verb === 'detach' && step.device === at)).toBe(true);
        }
      }),
      runs,
    );
  });

  test('nothing is taken by force but from HVM guests, by policy, after failures; nothing at all from paused ones', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        for (const step of planSteps(plan(world, desired, held, standing))) {
          if (step.verb !== 'detach') continue;
          const from = world.domains.find(item => item.uuid === step.guest.uuid);
          expect(from?.state).toBe('running');
          expect(step.unbind).toEqual(desired.policy?.spec.guestUnbind);
          if (step.force === undefined) continue;
          expect([from?.type, desired.policy?.spec.forceDetach, step.via]).toEqual(['hvm', true, 'xl']);
          expect(standing.failures(step.device)).toBeGreaterThanOrEqual(3);
        }
      }),
      runs,
    );
  });

  test('nothing that dom0 uses, that is dead, or that no IOMMU holds, is taken from the host or given to a guest', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        const off = new Set<string>(desired.policy?.spec.allow);
        for (const step of planSteps(plan(world, desired, held, standing))) {
          if (step.verb !== 'bind' && step.verb !== 'attach') continue;
          const found = world.devices.get(step.device);
          expect(found?.uses.filter(({ guard }) => !off.has(guard))).toEqual([]);
          expect(found?.dead).toBeUndefined();
          expect(world.iommu.state).toBe('present');
        }
      }),
      runs,
    );
  });

  test('what shares a slot or a reset does not get two owners', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        fc.pre(desired.policy?.spec.allow.includes('SharedSlot') !== true);
        const { world: end, taken, decided } = follow(world, desired, held, standing);
        // Where something still waits for approval, the companions are not where they are to be.
        fc.pre(detachesToApprove(decided.devices).length === 0);
        const given = new Set(taken.flatMap(step => (step.verb === 'attach' ? [step.device] : [])));
        for (const found of end.devices.values()) {
          const companions = given.has(found.address) ? companionsOf(found, end) : [];
          const elsewhere = companions.filter(
            ({ device: { place } }) => place.at !== 'assignable' && !samePlace(place, found.place),
          );
          expect(elsewhere).toEqual([]);
        }
      }),
      runs,
    );
  });

  test('every device that is not where it should be has a step or a reason', () => {
    fc.assert(
      fc.property(...anyWorld, (world, desired, held, standing) => {
        for (const found of plan(world, desired, held, standing).devices.values()) {
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

const nameOf = ({ assignment: { metadata } }: SourcedAssignment): string => metadata.name;
const isSuspended = ({ assignment: { spec } }: SourcedAssignment): boolean => spec.suspend;

/** Whether a domain has assignments, and all of them are suspended. */
function isLeft(domainName: string, { assignments }: SourceSnapshot, asleep: ReadonlySet<string>): boolean {
  const own = assignments.filter(
    ({ assignment: { spec } }) => 'name' in spec.domain && spec.domain.name === domainName,
  );
  return own.length > 0 && own.every(item => asleep.has(nameOf(item)));
}

interface SleepScene {
  readonly decided: Plan;
  readonly held: Inventory;
  readonly asleep: ReadonlySet<string>;
  readonly left: ReadonlySet<string>;
}

/** What a sleeper had is given to nobody; only those that share it take turns. */
function expectNotTaken(at: Address, { decided, held, asleep }: SleepScene): void {
  const before = held.get(at)?.assignment;
  if (before === undefined || !asleep.has(before)) return;
  const names = (decided.devices.get(at)?.claims ?? []).map(claim => nameOf(claim.assignment));
  expect(names).toContain(before);
}

/** The step is asked for by nobody who is asleep, and is about no guest that is left alone. */
function expectAwake(step: DeviceStep, { decided, held, asleep, left }: SleepScene): void {
  const { followed } = decided.devices.get(step.device) ?? {};
  expect(asleep).not.toContain(
    followed === undefined ? held.get(step.device)?.assignment : nameOf(followed.assignment),
  );
  if ('guest' in step) expect(left).not.toContain(step.guest.name);
}

function asleepByManifest(item: SourcedAssignment): SourcedAssignment {
  return { ...item, assignment: { ...item.assignment, spec: { ...item.assignment.spec, suspend: true } } };
}

function isApproved({ device: at, guest }: DetachStep, { approved }: Standing): boolean {
  return approved.some(item => item.device === at && item.uuid === guest.uuid && item.domid === guest.domid);
}

function touched(step: Step): readonly string[] {
  return step.verb === 'configure' ? [...step.add.map(added => added.device), ...step.remove] : [step.device];
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
