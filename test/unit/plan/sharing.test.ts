import { describe, expect, test } from 'vitest';
import type { DeviceEntry, PCIAssignment, SourcedAssignment } from '../../../src/api/manifest.ts';
import { computeStatus } from '../../../src/controller/status.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { nextSteps, type Plan, plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, applied, assignment, device, domain, entry, held, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const NONE: Inventory = new Map();
const RED = 'red has 0000:01:00.0, which it shares with blue; it is free again when red stops';

const bare = { hostdevs: [], passthrough: true };

type Spec = Partial<PCIAssignment['spec']>;

function shared(name: string, more: Partial<DeviceEntry> = {}, spec: Spec = {}): SourcedAssignment {
  return assignment(name, name, [entry('lan', NIC, { sharing: 'FirstStarted', ...more })], spec);
}

/** A domain whose stored definition already is as it should be. */
function guest(name: string, domid?: number, more: Partial<ObservedDomain> = {}): ObservedDomain {
  const stored = { hostdevs: [ours(address(NIC))], passthrough: true };
  return domain(name, { stored, ...(domid === undefined ? {} : { domid }), ...more });
}

function inGuest(name: string, domid: number): Place {
  return { at: 'guest', domid, domain: name };
}

function words(decided: Plan): string[] {
  const turns = [...decided.devices.values()].flatMap(({ followed, hold, others }) => [
    { name: followed?.assignment.assignment.metadata.name, hold },
    ...others.map(({ claim, hold: own }) => ({ name: claim.assignment.assignment.metadata.name, hold: own })),
  ]);
  return [
    ...planSteps(decided).map(stepText),
    ...turns.map(({ name, hold }) => `${name}: ${hold === undefined ? 'no hold' : `${hold.reason}: ${hold.message}`}`),
  ];
}

const both = source([shared('red'), shared('blue')]);
const decide = (world: Observed, desired = both, held = NONE): string[] => words(plan(world, desired, held));

describe('domains that share a device', () => {
  test('the one started first gets it, whatever the order of the manifests; the other one is told who has it', () => {
    const world = observed([device(NIC, ASSIGNABLE)], [guest('red', 3), guest('blue', 5)]);
    expect(decide(world)).toEqual([
      'attach 0000:01:00.0 to red',
      'red: no hold',
      'blue: SharedInUse: red is first to get 0000:01:00.0, which it shares with blue; it is free again when red stops',
    ]);
    expect(decide(world, source([shared('blue'), shared('red')]))).toEqual(decide(world));
  });

  test('the one that has it keeps it, also from one that was started before', () => {
    const world = observed([device(NIC, inGuest('red', 5))], [guest('red', 5), guest('blue', 3)]);
    expect(decide(world)).toEqual(['red: no hold', `blue: SharedInUse: ${RED}`]);
  });

  test('when it stops, the one that waited gets it', () => {
    const world = observed([device(NIC, ASSIGNABLE)], [guest('red'), guest('blue', 5)]);
    expect(decide(world)).toEqual(['attach 0000:01:00.0 to blue', 'blue: no hold', 'red: no hold']);
  });

  test('while it stops, nobody acts', () => {
    const world = observed(
      [device(NIC, inGuest('red', 3))],
      [guest('red', 3, { state: 'changing' }), guest('blue', 5)],
    );
    expect(decide(world)).toEqual(['red: no hold', `blue: SharedInUse: ${RED}`]);
  });

  test('one that is just starting is in line: its definition brings the device', () => {
    const world = observed([device(NIC, ASSIGNABLE)], [guest('red', 3, { state: 'changing' }), guest('blue', 5)]);
    expect(decide(world)[0]).toBe('red: DomainChanging: red is starting or stopping');
    expect(decide(world)).toHaveLength(2);
  });

  test('one that cannot take it while it runs does not keep others waiting', () => {
    for (const more of [{ passthrough: 'off' }, { state: 'paused' }] as const) {
      const world = observed([device(NIC, ASSIGNABLE)], [guest('red', 3, more), guest('blue', 5)]);
      expect(decide(world)[0]).toBe('attach 0000:01:00.0 to blue');
      expect(decide(world)[2]).toMatch(/^red: SharedInUse: blue is first to get 0000:01:00.0/);
    }
  });

  test('a suspended one gets nothing, and what it has it keeps', () => {
    const desired = source([shared('red', {}, { suspend: true }), shared('blue')]);
    const running = [guest('red', 3), guest('blue', 5)];
    expect(decide(observed([device(NIC, ASSIGNABLE)], running), desired)).toEqual([
      'attach 0000:01:00.0 to blue',
      'blue: no hold',
      'red: Suspended: the assignment is suspended',
    ]);
    expect(decide(observed([device(NIC, inGuest('red', 3))], running), desired)).toEqual([
      'red: Suspended: the assignment is suspended',
      `blue: SharedInUse: ${RED}`,
    ]);
  });

  test('while none runs it is assignable, unless all say whenStopped: Host', () => {
    const off = [guest('red'), guest('blue')];
    const withoutEntries = off.map(item => ({ ...item, stored: { hostdevs: [], passthrough: true } }));
    const host = source([shared('red', {}, { whenStopped: 'Host' }), shared('blue', {}, { whenStopped: 'Host' })]);
    expect(decide(observed([device(NIC, HOST)], off))[0]).toBe('bind 0000:01:00.0 to pciback');
    expect(decide(observed([device(NIC, ASSIGNABLE)], withoutEntries), host)[0]).toBe(
      'release 0000:01:00.0 to the host',
    );
    const mixed = source([shared('red', {}, { whenStopped: 'Host' }), shared('blue')]);
    expect(decide(observed([device(NIC, HOST)], off), mixed)).toContain('bind 0000:01:00.0 to pciback');
  });

  test('without an IOMMU it leaves a guest for the place where it then stays', () => {
    const desired = source([
      shared('green'),
      shared('blue', {}, { whenStopped: 'Host' }),
      assignment('red', 'red', []),
    ]);
    const inRed = device(NIC, inGuest('red', 3));
    const domains = [guest('green'), guest('blue', undefined, { stored: bare }), domain('red', { domid: 3 })];
    const world: Observed = { ...observed([inRed], domains), iommu: { state: 'absent' } };
    const steps = nextSteps(plan(world, desired, NONE));
    expect(planSteps(plan(world, desired, NONE)).map(stepText)).toEqual(['detach 0000:01:00.0 from red (through xl)']);
    expect(planSteps(plan(steps.reduce(applied, world), desired, NONE))).toEqual([]);
  });

  test('one that must not be missing has it in its definition always; one that it may be missing from never', () => {
    const desired = source([shared('red'), shared('blue', { whenMissing: 'Ignore' })]);
    const world = observed([device(NIC, inGuest('red', 3))], [guest('red', 3), guest('blue')]);
    expect(decide(world, desired)[0]).toBe('configure blue: remove 0000:01:00.0');
    expect(
      decide(observed([device(NIC, ASSIGNABLE)], [guest('red', undefined, { stored: bare }), guest('blue')]), desired),
    ).toEqual(expect.arrayContaining(['configure red: add 0000:01:00.0', 'configure blue: remove 0000:01:00.0']));
  });

  test('one that takes it only at a start has it in its definition unless another has it', () => {
    const desired = source([shared('red'), shared('blue', { whenMissing: 'Ignore' }, { updatePolicy: 'OnNextStart' })]);
    const elsewhere = observed([device(NIC, inGuest('red', 3))], [guest('red', 3), guest('blue')]);
    expect(decide(elsewhere, desired)[0]).toBe('configure blue: remove 0000:01:00.0');
    const free = observed([device(NIC, ASSIGNABLE)], [guest('red'), guest('blue')]);
    expect(planSteps(plan(free, desired, NONE))).toEqual([]);
  });

  test('when one entry goes and another stays, nothing is let go', () => {
    const world = observed([device(NIC, inGuest('red', 3))], [guest('red', 3), guest('blue')]);
    const before = plan(world, both, NONE).inventory;
    const without = source([shared('red', {}, { deletionPolicy: 'Host' })]);
    expect(decide(world, without, before)).toEqual(['configure blue: remove 0000:01:00.0', 'red: no hold']);
    const taken = source([shared('blue', {}, { deletionPolicy: 'Host' })]);
    expect(decide(world, taken, before)).toEqual([
      'configure red: remove 0000:01:00.0',
      'detach 0000:01:00.0 from red (through xl)',
      'blue: no hold',
    ]);
  });

  test('when all entries go, the policy of the one that had it holds, and both definitions let go', () => {
    const world = observed([device(NIC, ASSIGNABLE)], [guest('red'), guest('blue')]);
    const before = plan(world, both, NONE).inventory;
    expect(planSteps(plan(world, source([]), before)).map(stepText)).toEqual([
      'configure blue: remove 0000:01:00.0',
      'configure red: remove 0000:01:00.0',
    ]);
  });

  test('the record says whose turn it is', () => {
    const world = observed([device(NIC, ASSIGNABLE)], [guest('red', 3), guest('blue', 5)]);
    const first = plan(world, both, NONE);
    expect(first.inventory.get(address(NIC))?.domain.name).toBe('red');
    const stopped = observed([device(NIC, ASSIGNABLE)], [guest('red'), guest('blue', 5)]);
    expect(plan(stopped, both, first.inventory).inventory.get(address(NIC))?.domain.name).toBe('blue');
  });
});

test('while a sharer is starting and another one does not exist, the definition of the first is still completed', () => {
  const world = observed([device(NIC, ASSIGNABLE)], [guest('red', undefined, { state: 'changing', stored: bare })]);
  expect(decide(world, source([shared('red'), shared('away')]))).toEqual([
    `configure red: add ${NIC}`,
    'away: DomainNotFound: there is no domain away; define it or correct spec.domain',
    'red: DomainChanging: red is starting',
  ]);
});

describe('a conflict', () => {
  const also = '0000:01:00.0 is also named by';

  test('is one exclusive entry among those that share, for all of them', () => {
    const desired = source([shared('red'), shared('blue', { sharing: 'Exclusive' }), shared('green')]);
    const found = plan(observed([device(NIC, HOST)], [guest('red', 1)]), desired, NONE);
    expect(planSteps(found)).toEqual([]);
    expect(words(found)[0]).toBe(
      `red: Conflict: ${also} blue/lan (/manifests/blue.yaml:10) and green/lan (/manifests/green.yaml:10); to take turns all must say sharing: FirstStarted, and blue/lan (/manifests/blue.yaml:10) says Exclusive`,
    );
    expect(
      words(found)
        .slice(1)
        .map(line => line.slice(0, 15)),
    ).toEqual(['blue: Conflict:', 'green: Conflict']);
  });

  test('is one domain twice, however it is named', () => {
    const twice = source([shared('red'), shared('other', {}, { domain: { uuid: 'uuid-red' } })]);
    expect(decide(observed([device(NIC, HOST)], [guest('red', 1)]), twice)[0]).toBe(
      `red: Conflict: ${also} other/lan (/manifests/other.yaml:10); other/lan (/manifests/other.yaml:10) is for the same domain, which cannot take turns with itself`,
    );
  });
});

describe('three domains, exhaustively', () => {
  const STATES = ['off', 'running', 'paused', 'changing', 'without passthrough'] as const;
  type State = (typeof STATES)[number];
  const names = ['red', 'blue', 'green'] as const;

  function sharer(name: string, domid: number, state: State): ObservedDomain {
    if (state === 'off') return guest(name);
    if (state === 'without passthrough') return guest(name, domid, { passthrough: 'off' });
    return guest(name, domid, { state });
  }

  const desired = source(names.map(name => shared(name)));

  /** Follows the plan to its end; it never takes a device away. */
  function settle(start: Observed): { world: Observed; decided: Plan } {
    let world = start;
    let decided = plan(world, desired, NONE);
    for (let [step] = nextSteps(decided); step !== undefined; [step] = nextSteps(decided)) {
      expect(step.verb).not.toBe('detach');
      world = applied(world, step);
      decided = plan(world, desired, decided.inventory);
    }
    return { world, decided };
  }

  function check(domains: readonly ObservedDomain[], place: Place): void {
    const { world, decided } = settle(observed([device(NIC, place)], domains));
    const end = world.devices.get(address(NIC))?.place;
    if (place.at === 'guest') expect(end).toEqual(place);
    // Whoever can take it does, the first one first, unless one is just starting.
    const able = domains.find(({ state, passthrough }) => {
      return state === 'changing' || (state === 'running' && passthrough === 'on');
    });
    if (place.at !== 'guest' && able?.state === 'running') expect(end).toMatchObject({ domain: able.name });
    const found = decided.devices.get(address(NIC));
    for (const { claim, hold } of [{ claim: found?.followed, hold: found?.hold }, ...(found?.others ?? [])]) {
      const own = domains.find(item => item.name === claim?.assignment.assignment.metadata.name);
      const has = end?.at === 'guest' && end.domid === own?.domid;
      expect(has || own?.domid === undefined || hold !== undefined).toBe(true);
    }
  }

  test('one has it or is next, nobody loses it, and everybody who runs without it knows why', () => {
    const lives = STATES.flatMap(a => STATES.flatMap(b => STATES.map(c => [a, b, c] as const)));
    const worlds = lives.flatMap(life => {
      const domains = life.map((state, index) => sharer(names[index] ?? '', index + 1, state));
      const guests = domains.flatMap(({ name, domid }) => (domid === undefined ? [] : [inGuest(name, domid)]));
      return [HOST, ASSIGNABLE, ...guests].map(place => ({ domains, place }));
    });
    for (const { domains, place } of worlds) check(domains, place);
    expect(worlds).toHaveLength(550);
  });
});

describe('the status', () => {
  const T0 = Date.parse('2026-01-01T00:00:00Z');

  function ready(world: Observed): string[] {
    const decided = plan(world, both, NONE);
    const status = computeStatus({
      plan: decided,
      observed: world,
      source: both,
      failure: () => undefined,
      open: [],
      now: T0,
    });
    return status.assignments.map(({ name, conditions }) => {
      const [first] = conditions;
      return `${name} ${first?.status} ${first?.reason}: ${first?.message}`;
    });
  }

  test('says of each assignment whether it has its turn', () => {
    const place = inGuest('red', 3);
    expect(ready(observed([device(NIC, place)], [guest('red', 3), guest('blue', 5)]))).toEqual([
      'red True InPlace: red has 1 device',
      `blue False SharedInUse: lan: ${RED}`,
    ]);
    expect(ready(observed([device(NIC, place)], [guest('red', 3), guest('blue')]))).toEqual([
      'red True InPlace: red has 1 device',
      'blue True Prepared: blue is shut off and gets 0 devices when it is started; red has 0000:01:00.0 now, which they share',
    ]);
  });

  test('while a guest that does not share it has it, no sharer that is off is said to have its turn', () => {
    const green = domain('green', { domid: 9 });
    const world = observed([device(NIC, inGuest('green', 9))], [guest('red'), guest('blue'), green]);
    const word = 'green has 0000:01:00.0, and does not share it; it is free when green lets go of it';
    const its = held(NIC, { assignment: 'green', domain: { name: 'green', uuid: 'uuid-green' } });
    const mine: Inventory = new Map([[its.address, its]]);
    expect(decide(world, both, mine).at(-1)).toBe(`red: SharedInUse: ${word}`);
    const running = observed([device(NIC, inGuest('green', 9))], [guest('red'), guest('blue', 5), green]);
    expect(decide(running, both, mine).at(-1)).toBe(
      'red: SharedInUse: blue is first to get 0000:01:00.0, which it shares with red; it is free again when blue stops',
    );
  });

  test('a sharer that is off is told that the device is gone', () => {
    const world = observed([device(NIC, inGuest('red', 3), { present: false })], [guest('red', 3), guest('blue')]);
    expect(decide(world).at(-1)).toMatch(/^blue: DeviceMissing: /);
  });
});
