/** What single conditions of the plan are for, one example each. */
import { describe, expect, test } from 'vitest';
import type { PCIAssignment, SourcedAssignment, SourceSnapshot } from '../../../src/api/manifest.ts';
import type { PciPath } from '../../../src/api/path.ts';
import { askedBy } from '../../../src/plan/asked-by.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { plan, planSteps } from '../../../src/plan/plan.ts';
import { type Standing, standingOf } from '../../../src/plan/standing.ts';
import { stepText } from '../../../src/plan/step.ts';
import { withSuspensions } from '../../../src/plan/suspended.ts';
import { address, assignment, device, domain, entry, held, observed, ours, policy, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const IN_BLUE: Place = { at: 'guest', domid: 2, domain: 'blue' };
const HAS = { hostdevs: [ours(address(NIC))], passthrough: true };
const BARE = { hostdevs: [], passthrough: true };
const red = domain('red', { domid: 1, stored: HAS });
const blue = domain('blue', { domid: 2, stored: HAS });
const off = domain('red', { stored: HAS });
const foreign = { address: address(NIC), managed: true, permissive: false };

type Spec = Partial<PCIAssignment['spec']>;
const to = (name: string, spec: Spec = {}, more: Parameters<typeof entry>[2] = {}): SourcedAssignment =>
  assignment(name, name, [entry('lan', NIC, more)], spec);
const records = (...all: readonly HeldDevice[]): Inventory => new Map(all.map(each => [each.address, each]));

/** The steps, and each device's reason. */
function decide(
  world: Observed,
  desired: SourceSnapshot | readonly SourcedAssignment[],
  inventory: Inventory = new Map(),
  standing?: Standing,
): string[] {
  const decided = plan(world, 'assignments' in desired ? desired : source(desired), inventory, standing);
  const holds = [...decided.devices.values()].flatMap(({ hold }) => (hold ? [`${hold.reason}: ${hold.message}`] : []));
  return [...planSteps(decided).map(stepText), ...holds];
}

const one = (place: Place, domains: readonly ObservedDomain[], more: Partial<ObservedDevice> = {}): Observed =>
  observed([device(NIC, place, more)], domains);

describe('a device that is gone', () => {
  test('from the bus while xenstore still has it is said to have vanished', () => {
    expect(decide(one(IN_RED, [red], { present: false, resetMethods: [] }), [to('red')])).toEqual([
      `DeviceMissing: ${NIC} has vanished from the bus; put it back or remove the entry`,
    ]);
  });

  test('keeps its entry in the definition, unless it may be missing', () => {
    const gone = one(ASSIGNABLE, [off], { present: false, resetMethods: [] });
    expect(decide(gone, [to('red')])[0]).toMatch(/^DeviceMissing/);
    const may = one(ASSIGNABLE, [off], { present: false });
    expect(decide(may, [to('red', {}, { whenMissing: 'Ignore' })])[0]).toBe(`configure red: remove ${NIC}`);
  });

  test('and that no entry names any more is forgotten once every manifest can be read', () => {
    for (const devices of [[], [device(NIC, IN_RED, { present: false })]]) {
      const decided = plan(observed(devices, [domain('red', { domid: 1 })]), source([]), records(held(NIC)));
      expect(planSteps(decided)).toEqual([]);
      expect(decided.inventory.size).toBe(0);
      const unsure = plan(observed(devices, []), source([], { complete: false }), records(held(NIC)));
      expect(unsure.inventory.size).toBe(1);
    }
  });

  test('at a path leaves the other devices alone', () => {
    const path = assignment('red', 'red', [entry('lan', NIC, { path: '00_1f.0/00_00.0' as PciPath })]);
    const decided = plan(one(HOST, [red]), source([path]), new Map());
    expect(decided.devices.size).toBe(0);
    expect(decided.entries[0]?.hold?.reason).toBe('DeviceMissing');
  });

  test('is missing for all that share it', () => {
    const shared = ['red', 'blue'].map(name => to(name, {}, { sharing: 'FirstStarted' }));
    expect(decide(observed([], [red, blue]), shared)).toEqual([expect.stringMatching(/^DeviceMissing/)]);
  });
});

describe('a stored definition', () => {
  test('of a guest whose assignments all are suspended stays, also when another assignment names its device', () => {
    const asleep = assignment('red', 'red', [entry('disk', DISK)], { suspend: true });
    expect(decide(one(ASSIGNABLE, [off, blue]), [asleep, to('blue')])).toEqual([
      `attach ${NIC} to blue`,
      expect.stringMatching(/^Suspended/),
    ]);
  });

  test('does not get what a suspended assignment had', () => {
    const desired = withSuspensions(source([to('blue')]), {
      suspended: [{ assignment: 'red', since: 0, by: 'anna' }],
      resumed: [],
    });
    const world = one(ASSIGNABLE, [domain('blue', { domid: 2 })]);
    expect(decide(world, desired, records(held(NIC)))).toEqual([
      'Suspended: suspended by anna since 1970-01-01T00:00:00Z; to go on: xenpci resume red',
    ]);
  });

  test('that has a device by somebody else gets no second entry for it, whatever that one says', () => {
    const world = one(ASSIGNABLE, [
      domain('red', { stored: { hostdevs: [{ ...foreign, permissive: true }], passthrough: true } }),
    ]);
    expect(decide(world, [to('red')])).toEqual([]);
  });

  test('gets what is held already while a policy cannot be read', () => {
    const unsure = source([to('red')], { complete: false, policyUnknown: true });
    const bare = one(ASSIGNABLE, [domain('red')]);
    expect(decide(bare, unsure, records(held(NIC)))).toEqual([`configure red: add ${NIC}`]);
    expect(decide(bare, unsure)).toEqual([expect.stringMatching(/^SourceIncomplete/)]);
  });

  test('has, of a device that is taken only at a start, an entry while nobody else has it', () => {
    const desired = [
      to('blue', {}, { sharing: 'FirstStarted' }),
      to('red', { updatePolicy: 'OnNextStart' }, { sharing: 'FirstStarted', whenMissing: 'Ignore' }),
    ];
    expect(decide(one(ASSIGNABLE, [off, domain('blue', { stored: HAS })]), desired)).toEqual([]);
  });
});

test('steps and devices come in one order, whatever that of the look', () => {
  const all = ['red', 'blue'].map((name, index) => assignment(name, name, [entry('x', index === 0 ? DISK : NIC)]));
  const devices = [device(DISK, HOST), device(NIC, HOST)];
  const domains = [domain('red'), domain('blue')];
  const texts = [
    `configure blue: add ${NIC}`,
    `configure red: add ${DISK}`,
    `bind ${NIC} to pciback`,
    `bind ${DISK} to pciback`,
  ];
  expect(decide(observed(devices, domains), all)).toEqual(texts);
  expect(decide(observed(devices.toReversed(), domains.toReversed()), all.toReversed())).toEqual(texts);
  const both = (...names: string[]) => [
    assignment(
      'red',
      'red',
      names.map((name, index) => entry(`d${index}`, name)),
    ),
  ];
  const added = `configure red: add ${NIC}, add ${DISK}`;
  expect(decide(observed(devices, domains), both(NIC, DISK))[0]).toBe(added);
  expect(decide(observed(devices, domains), both(DISK, NIC))[0]).toBe(added);
});

describe('who asked for a change of a definition', () => {
  const texts = (decided: ReturnType<typeof plan>): string[] =>
    [...decided.configures.values()].flatMap(step =>
      askedBy(step, decided, new Map()).map(asker => `${step.domain.name}: ${asker.assignment}`),
    );

  test('is, of several that share the device, the one for that domain', () => {
    const shared = source(['red', 'blue'].map(name => to(name, {}, { sharing: 'FirstStarted' })));
    const world = one(ASSIGNABLE, [domain('red'), domain('blue')]);
    expect(texts(plan(world, shared, new Map()))).toEqual(['blue: blue', 'red: red']);
  });

  test('is nobody of another domain, where it is for passthrough alone', () => {
    const world = one(HOST, [domain('red', { stored: { ...HAS, passthrough: false } }), domain('blue')]);
    const other = assignment('blue', 'blue', []);
    expect(
      texts(plan(world, source([to('red'), assignment('b', 'blue', [entry('x', DISK)]), other]), new Map())),
    ).toEqual(['blue: b', 'red: red']);
  });
});

describe('a guest keeps or loses a device', () => {
  const toRed = [to('red')];

  test('that has an entry in its live definition, but none of ours', () => {
    const world = one(IN_BLUE, [red, { ...blue, live: [foreign, ours(address(DISK))] }]);
    expect(decide(world, toRed)).toEqual([expect.stringMatching(/^HeldByOther/)]);
  });

  test('by its own assignments that are in force, not by the record or by one that is suspended', () => {
    const world = one(IN_BLUE, [red, blue]);
    const fromBlue = held(NIC, { assignment: 'blue', domain: { name: 'blue', uuid: 'uuid-blue' } });
    const rule = (name: string, spec: Spec) => assignment(name, 'blue', [], spec);
    const later = rule('b', { updatePolicy: 'OnNextStart' });
    expect(decide(world, [...toRed, later], records(fromBlue))).toContain(
      `NeedsRestart: ${NIC} leaves blue when that domain stops (updatePolicy: OnNextStart)`,
    );
    const asleep = rule('a', { updatePolicy: 'OnNextStart', suspend: true });
    const leaves = `detach ${NIC} from blue (through xl)`;
    for (const both of [
      [asleep, rule('b', {})],
      [rule('b', {}), asleep],
    ]) {
      expect(decide(world, [...toRed, ...both], records(fromBlue))).toContain(leaves);
    }
    const strict = records({ ...fromBlue, updatePolicy: 'OnNextStart' });
    expect(decide(world, [...toRed, rule('b', {})], strict)).toContain(leaves);
  });

  test('whatever is remembered of another domain', () => {
    const world = one(IN_BLUE, [red, { ...blue, live: [ours(address(NIC))] }]);
    expect(decide(world, toRed, records(held(NIC, { updatePolicy: 'OnNextStart' })))).toContain(
      `detach ${NIC} from blue`,
    );
  });

  test('never, while nobody knows which guest that is', () => {
    const stranger: Place = { at: 'guest', domid: 9, domain: 'domain 9' };
    expect(decide(one(stranger, [red]), toRed)).toEqual([
      `DomainChanging: domain 9 has ${NIC} and is starting or stopping`,
    ]);
    expect(decide(one(stranger, [domain('red')]), [], records(held(NIC)))).toEqual([]);
  });

  test('never, once the host policy protects it', () => {
    const world = one(IN_RED, [domain('red', { domid: 1, live: [ours(address(NIC))] })]);
    const rules = { policy: policy({ protectedDevices: [{ address: address(NIC) }] }) };
    expect(decide(world, source([], rules), records(held(NIC)))).toEqual([]);
  });

  test('through xl, where libvirt believes that a third one has it', () => {
    const green = domain('green', { domid: 3, live: [ours(address(NIC))] });
    const fromBlue = held(NIC, { domain: { name: 'blue', uuid: 'uuid-blue' } });
    const world = one(IN_BLUE, [red, domain('blue', { domid: 2 }), green]);
    expect(decide(world, toRed, records(fromBlue))).toEqual([
      `detach ${NIC} from blue (through xl)`,
      `attach ${NIC} to red (through xl)`,
    ]);
  });

  test('by force only where a policy says so, and after failures of this very device', () => {
    const hvm = [{ ...red, type: 'hvm' as const, live: [ours(address(NIC))] }];
    const failed = standingOf([], new Map([[NIC, 3]]));
    const forced = `detach ${NIC} from red (by force, through xl)`;
    const rules = { policy: policy({ forceDetach: true }) };
    expect(decide(one(IN_RED, hvm), source([]), records(held(NIC)), failed)).not.toContain(forced);
    expect(decide(one(IN_RED, hvm), source([], rules), records(held(NIC)), failed)).toContain(forced);
    expect(decide(one(IN_RED, hvm), source([], rules), records(held(NIC)), standingOf([], new Map()))).not.toContain(
      forced,
    );
  });

  test('slowly: what it has not finished taking is said', () => {
    expect(decide(one(IN_RED, [red], { settled: false }), toRed)).toEqual([
      `Settling: red has not finished taking ${NIC}`,
    ]);
  });

  test('with another permissive than wanted by the view of the toolstack alone', () => {
    const definition = [ours(address(NIC), true)];
    const guest = domain('red', { domid: 1, live: definition, stored: { hostdevs: definition, passthrough: true } });
    const world = one(IN_RED, [guest], { permissive: false, unfiltered: true });
    expect(decide(world, [to('red', {}, { permissive: true })])).toEqual([expect.stringMatching(/^NeedsRestart/)]);
  });
});

describe('a domain that there is not', () => {
  const lent = { whenStopped: 'Host' } as const;

  test('and never was lets go of nothing, whoever had the device before', () => {
    expect(decide(one(ASSIGNABLE, [off]), [to('nowhere', lent)], records(held(NIC)))).toContain(
      'DomainNotFound: there is no domain nowhere; define it or correct spec.domain',
    );
    expect(decide(one(ASSIGNABLE, [off]), [to('nowhere', lent)], records(held(NIC))).join()).not.toContain('release');
  });

  test('by its uuid counts as stopped when it was ours, and keeps its name in the record', () => {
    const byUuid = (uuid: string) => [to('red', { ...lent, domain: { uuid } })];
    expect(decide(one(ASSIGNABLE, []), byUuid('uuid-red'), records(held(NIC)))).toEqual([
      `release ${NIC} to the host`,
      'DomainNotFound: there is no domain uuid-red; define it or correct spec.domain',
    ]);
    expect(decide(one(ASSIGNABLE, []), byUuid('uuid-other'), records(held(NIC)))).toEqual([
      'DomainNotFound: there is no domain uuid-other; define it or correct spec.domain',
    ]);
    const decided = plan(one(ASSIGNABLE, []), source(byUuid('uuid-red')), records(held(NIC)));
    expect(decided.inventory.get(address(NIC))?.domain).toEqual({ name: 'red', uuid: 'uuid-red' });
  });
});

describe('a dead or unfit device', () => {
  const dead = 'it is silent';

  test('is not bound anew for an earlier permissive', () => {
    expect(decide(one(ASSIGNABLE, [off], { dead, unfiltered: true }), [to('red')])).toEqual([
      expect.stringMatching(/^DeviceDead/),
    ]);
  });

  test('has its place and its record where it is to be', () => {
    const decided = plan(one(IN_RED, [red], { dead }), source([to('red')]), new Map());
    expect(decided.devices.get(address(NIC))?.want).toEqual(IN_RED);
    expect(decided.inventory.get(address(NIC))?.domain.name).toBe('red');
  });

  test('does not go back to the host when its entry has gone', () => {
    const gone = records(held(NIC, { deletionPolicy: 'Host' }));
    expect(decide(one(ASSIGNABLE, [domain('red')], { dead }), [], gone)).toEqual([
      expect.stringMatching(/^DeviceDead/),
    ]);
    expect(decide(one(ASSIGNABLE, [domain('red')], { dead }), [], records(held(NIC)))).toEqual([]);
  });

  test('goes back to the host also without an IOMMU', () => {
    const world: Observed = { ...one(ASSIGNABLE, [domain('red')]), iommu: { state: 'absent' } };
    expect(decide(world, [to('red', { whenStopped: 'Host' })])).toEqual([`release ${NIC} to the host`]);
  });
});

describe('the record', () => {
  const inventoryOf = (world: Observed, desired: readonly SourcedAssignment[], before: Inventory): Inventory =>
    plan(world, source(desired), before).inventory;

  test('follows the guest that has it from somebody else and is to have it', () => {
    expect(
      inventoryOf(one(IN_BLUE, [red, blue]), [to('blue')], records(held(NIC))).get(address(NIC))?.domain.name,
    ).toBe('blue');
  });

  test('is written when one of several has changed', () => {
    const wanted = [assignment('red', 'red', [entry('lan', NIC), entry('disk', DISK)])];
    const world = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [red]);
    const before = inventoryOf(world, wanted, new Map());
    const changed = new Map(before).set(address(DISK), held(DISK, { entry: 'disk', updatePolicy: 'OnNextStart' }));
    expect(inventoryOf(world, wanted, changed)).toEqual(before);
    const none = new Map();
    expect(inventoryOf(world, [], none)).toBe(none);
  });

  test('is kept until pciback has forgotten permissive', () => {
    const world = one(ASSIGNABLE, [domain('red')], { unfiltered: true });
    expect(inventoryOf(world, [], records(held(NIC))).size).toBe(1);
    expect(inventoryOf(one(ASSIGNABLE, [domain('red')]), [], records(held(NIC))).size).toBe(0);
  });

  test('goes on saying that the guest before may be changed while it has the device', () => {
    const next = to('blue', { updatePolicy: 'OnNextStart' });
    const world = one(IN_RED, [{ ...red, live: [ours(address(NIC))] }, domain('blue', { stored: HAS })]);
    const first = inventoryOf(world, [next], records(held(NIC)));
    expect(decide(world, [next], first)).toContain(`detach ${NIC} from red`);
  });
});

describe('driftPolicy: Report', () => {
  const report = (spec: Spec = {}, more: Parameters<typeof entry>[2] = {}) => [
    to('red', { driftPolicy: 'Report', ...spec }, more),
  ];
  const markOf = (world: Observed, desired: readonly SourcedAssignment[], before: Inventory = new Map()): Inventory =>
    plan(world, source(desired), before).inventory;
  const inPlace = () => markOf(one(IN_RED, [red]), report());
  const bareOff = domain('red', { stored: BARE });

  test('leaves an entry that others have changed as it is', () => {
    const changed = domain('red', { stored: { hostdevs: [ours(address(NIC), true)], passthrough: true } });
    const before = markOf(one(ASSIGNABLE, [off]), report());
    expect(decide(one(ASSIGNABLE, [changed]), report(), before)).toEqual([
      expect.stringMatching(/^Drifted: .* was in the stored definition of red as wanted/),
    ]);
  });

  test('begins only when the stored definition is as wanted, too, which other devices have no part in', () => {
    const world = one(IN_RED, [domain('red', { domid: 1 })]);
    expect(decide(world, report(), markOf(world, report()))).toEqual([`configure red: add ${NIC}`]);
    const two = [assignment('red', 'red', [entry('lan', NIC), entry('disk', DISK)], { driftPolicy: 'Report' })];
    const half = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [red]);
    const marks = markOf(half, two);
    expect([NIC, DISK].map(at => marks.get(address(at))?.inPlace !== undefined)).toEqual([true, false]);
  });

  test('says first where a device is, if the definition has lost it as well', () => {
    const before = markOf(one(ASSIGNABLE, [off]), report());
    expect(decide(one(HOST, [bareOff]), report(), before)).toEqual([
      expect.stringMatching(/^Drifted: .* was in place \(assignable\) and is host now/),
    ]);
  });

  test('leaves the definition also while the device is not to be touched', () => {
    const before = markOf(one(ASSIGNABLE, [off]), report());
    const starting = domain('red', { stored: BARE, state: 'changing' });
    expect(decide(one(ASSIGNABLE, [starting]), report(), before)).toEqual(['DomainChanging: red is starting']);
  });

  test('holds for the definition of its own domain only', () => {
    const shared = { sharing: 'FirstStarted' } as const;
    const both = [...report({}, shared), to('blue', { driftPolicy: 'Report' }, shared)];
    const before = markOf(one(IN_RED, [red, domain('blue', { stored: HAS })]), both);
    expect(decide(one(IN_RED, [red, domain('blue')]), both, before)).toEqual([`configure blue: add ${NIC}`]);
  });

  test('gives a shared device that others have taken to nobody else', () => {
    const shared = { sharing: 'FirstStarted' } as const;
    const both = [...report({}, shared), to('blue', {}, shared)];
    const before = markOf(one(IN_RED, [red, blue]), both);
    expect(decide(one(ASSIGNABLE, [red, blue]), both, before)).toEqual([expect.stringMatching(/^Drifted/)]);
  });

  test('holds while the guest could not get it back anyway', () => {
    expect(decide(one(HOST, [{ ...red, state: 'paused' }]), report(), inPlace())).toEqual([
      expect.stringMatching(/^Drifted/),
    ]);
    expect(decide(one(HOST, [{ ...red, state: 'changing' }]), report(), inPlace())).toEqual([
      expect.stringMatching(/^DomainChanging/),
    ]);
  });

  test('ends with a guard: another card was in the slot meanwhile', () => {
    const exact = report({}, { identity: { device: '10d3' } });
    const before = markOf(one(IN_RED, [red]), exact);
    const other = one(HOST, [red], { identity: { vendor: '8086', device: '10fb', class: '0200' } });
    expect(decide(one(HOST, [red]), exact, markOf(other, exact, before))).toHaveLength(2);
  });

  test('is not about what we have moved ourselves', () => {
    const lent = report({ whenStopped: 'Host' });
    const bare = { ...red, stored: BARE };
    const before = markOf(one(HOST, [bareOff]), lent);
    const begun = markOf(one(ASSIGNABLE, [bare]), lent, markOf(one(HOST, [bare]), lent, before));
    expect(decide(one(ASSIGNABLE, [bareOff]), lent, begun)).toEqual([`release ${NIC} to the host`]);
  });

  test('is not forgotten by a start that has not begun to move anything', () => {
    const before = markOf(one(ASSIGNABLE, [off]), report());
    const started = markOf(one(ASSIGNABLE, [red]), report(), before);
    expect(decide(one(HOST, [off]), report(), started)).toEqual([expect.stringMatching(/^Drifted/)]);
  });
});

describe('taking turns', () => {
  const share = (name: string, spec: Spec = {}) => to(name, spec, { sharing: 'FirstStarted' });
  const later = { ...blue, domid: 5 };

  test('goes on when the one that had it is suspended and still named', () => {
    const desired = [share('red', { suspend: true }), share('blue')];
    expect(decide(one(ASSIGNABLE, [red, later]), desired, records(held(NIC)))[0]).toBe(`attach ${NIC} to blue`);
  });

  test('one that has crashed and is kept is not in line', () => {
    const crashed = { ...red, state: 'changing' as const, crashed: true as const };
    expect(decide(one(ASSIGNABLE, [crashed, later]), [share('red'), share('blue')])[0]).toBe(`attach ${NIC} to blue`);
  });

  test('between turns the order of the manifests makes no difference', () => {
    const world = one(ASSIGNABLE, [off, domain('blue', { stored: HAS })]);
    const all = ['red', 'blue', 'green'].map(name => share(name));
    const followed = (desired: readonly SourcedAssignment[]) =>
      [...plan(world, source(desired), new Map()).devices.values()].flatMap(({ followed: own, others }) =>
        [own, ...others.map(({ claim }) => claim)].map(claim => claim?.assignment.assignment.metadata.name),
      );
    expect(followed(all)).toEqual(['blue', 'green', 'red']);
    expect(followed(all.toReversed())).toEqual(['blue', 'green', 'red']);
  });

  test('between turns the host gets it, if all that are not suspended say so', () => {
    const desired = [share('blue', { suspend: true }), share('red', { whenStopped: 'Host' })];
    const world = one(ASSIGNABLE, [domain('red'), domain('blue')]);
    expect(decide(world, desired)).toContain(`release ${NIC} to the host`);
  });

  test('those that are refused, or that nobody may serve yet, are told so, and not whose turn it is', () => {
    const reasons = (world: Observed, desired: SourceSnapshot) =>
      [...plan(world, desired, new Map()).devices.values()].flatMap(({ others }) =>
        others.map(({ hold }) => hold?.reason),
      );
    const desired = source([share('red'), share('blue')]);
    expect(reasons(one(IN_RED, [red, { ...later, type: 'pvh' }]), desired)).toEqual(['PVHDomain']);
    expect(reasons(one(IN_RED, [red, later]), { ...desired, complete: false, policyUnknown: true })).toEqual([
      'SourceIncomplete',
    ]);
  });

  test('a conflict is told before a suspension', () => {
    const desired = withSuspensions(source([to('blue'), to('green')]), {
      suspended: [{ assignment: 'red', since: 0, by: 'anna' }],
      resumed: [],
    });
    expect(decide(one(HOST, [blue]), desired, records(held(NIC)))).toEqual([expect.stringMatching(/^Conflict/)]);
  });
});

describe('functions of one slot', () => {
  const NIC2 = '0000:01:00.1';
  const reasons = (world: Observed, desired: readonly SourcedAssignment[]): string[] =>
    [...plan(world, source(desired), new Map()).devices.values()].map(
      ({ address: at, hold }) => `${at} ${hold?.reason}`,
    );

  test('go back to the host one by one', () => {
    const lent = assignment('red', 'red', [entry('lan', NIC)], { whenStopped: 'Host' });
    const world = observed([device(NIC, ASSIGNABLE), device(NIC2, HOST)], [domain('red')]);
    expect(decide(world, [lent])).toEqual([`release ${NIC} to the host`]);
  });

  test('are not prepared for a start without each other', () => {
    const world = observed([device(NIC, ASSIGNABLE), device(NIC2, HOST)], [domain('red')]);
    expect(decide(world, [to('red')])).toEqual([expect.stringMatching(/^SharedSlot/)]);
  });

  test('wait for different domains nowhere', () => {
    const both = [to('red'), assignment('blue', 'blue', [entry('wan', NIC2)])];
    const world = observed([device(NIC, HOST), device(NIC2, HOST)], [domain('red'), domain('blue')]);
    expect(reasons(world, both)).toEqual([`${NIC} SharedSlot`, `${NIC2} SharedSlot`]);
  });

  test('are told the name of a domain that goes by its uuid, and a uuid where there is none', () => {
    const byUuid = (uuid: string) => assignment('blue', '', [entry('wan', NIC2)], { domain: { uuid } });
    const devices = [device(NIC, HOST), device(NIC2, ASSIGNABLE)];
    const gone = held(NIC2, { assignment: 'blue', domain: { name: 'blue', uuid: 'uuid-gone' } });
    expect(
      decide(observed(devices, [red, domain('blue', { stored: BARE })]), [to('red'), byUuid('uuid-blue')])[0],
    ).toContain('and blue has that one');
    expect(decide(observed(devices, [red]), [to('red'), byUuid('uuid-gone')], records(gone))[0]).toContain(
      'and uuid-gone has that one',
    );
  });

  test('keep each other back along a chain', () => {
    const THIRD = '0000:01:01.0';
    const path = (text: string) => ({ path: `00_1e.0/${text}` as PciPath });
    const devices = [
      device(NIC, HOST, path('00_00.0')),
      device(NIC2, HOST, { ...path('00_00.1'), resetMethods: ['bus'] }),
      device(THIRD, HOST, path('00_01.0')),
    ];
    const both = [assignment('red', 'red', [entry('lan', NIC), entry('wan', NIC2)])];
    expect(reasons(observed(devices, [red]), both)).toEqual([`${NIC} SharedSlot`, `${NIC2} SharedSlot`]);
  });
});

test('what is not ours in a domain that is off is nothing that dom0 has', () => {
  expect(
    plan(observed([device(NIC, HOST), device(DISK, HOST)], [off]), source([to('red')]), new Map()).foreign,
  ).toEqual(new Map());
});

test('what dom0 used a device for is no matter once pciback has it', () => {
  const uses = [{ guard: 'Swap', text: 'sda1 is swap' } as const];
  expect(decide(one(ASSIGNABLE, [red], { uses }), [to('red')])).toEqual([`attach ${NIC} to red`]);
});

describe('two assignments for one domain, one of them suspended', () => {
  const both = [
    assignment('a', 'red', [entry('lan', NIC)], { suspend: true }),
    assignment('b', 'red', [entry('disk', DISK)]),
  ];
  const devices = [device(NIC, ASSIGNABLE), device(DISK, ASSIGNABLE)];

  test('neither add nor remove the entry of what is suspended', () => {
    const asleep = 'Suspended: the assignment is suspended';
    expect(decide(observed(devices, [domain('red')]), both)).toEqual([`configure red: add ${DISK}`, asleep]);
    expect(decide(observed(devices, [off]), both)).toEqual([`configure red: add ${DISK}`, asleep]);
  });
});

test('driftPolicy Correct corrects what was in place', () => {
  const before = plan(one(IN_RED, [red]), source([to('red')]), new Map()).inventory;
  expect(before.get(address(NIC))?.inPlace).toBeUndefined();
  expect(decide(one(ASSIGNABLE, [red]), [to('red')], before)).toEqual([`attach ${NIC} to red`]);
});

test('a device goes back to the driver that xl noted, else to the one recorded in this boot, else to any', () => {
  const steps = (more: Partial<ObservedDevice>, bootId: string): unknown => {
    const record = held(NIC, { deletionPolicy: 'Host', hostDriver: { name: 'vfio', bootId } });
    return planSteps(plan(one(ASSIGNABLE, [domain('red')], more), source([]), records(record)));
  };
  const release = { verb: 'release', device: NIC };
  expect(steps({ homeDriver: 'e1000e' }, 'boot-1')).toEqual([{ ...release, driver: 'e1000e' }]);
  expect(steps({}, 'boot-1')).toEqual([{ ...release, driver: 'vfio' }]);
  expect(steps({}, 'boot-0')).toEqual([release]);
});

test('a device that a step was cut off with between two drivers gets the one it had in this boot, until it has it', () => {
  const record = (bootId: string) => held(NIC, { deletionPolicy: 'Host', hostDriver: { name: 'e1000e', bootId } });
  const decided = (bootId: string, { driver, ...more }: Partial<ObservedDevice>) => {
    const { driver: _, ...bare } = device(NIC, { at: 'host' }, more);
    const found = driver === undefined ? bare : { ...bare, driver };
    return plan(observed([found], []), source([]), records(record(bootId)));
  };
  const cut = decided('boot-1', {});
  expect(planSteps(cut)).toEqual([{ verb: 'release', device: NIC, driver: 'e1000e' }]);
  expect([...cut.inventory.keys()]).toEqual([NIC]);
  for (const over of [
    decided('boot-0', {}),
    decided('boot-1', { driver: 'vfio' }),
    decided('boot-1', { present: false }),
  ]) {
    expect(planSteps(over)).toEqual([]);
  }
  expect([...decided('boot-1', { driver: 'e1000e' }).inventory.keys()]).toEqual([]);
});

test('a paused guest gets nothing from another one: the device leaves that one and waits', () => {
  const fromBlue = held(NIC, { domain: { name: 'blue', uuid: 'uuid-blue' } });
  const world = one(IN_BLUE, [{ ...red, state: 'paused' }, domain('blue', { domid: 2 })]);
  expect(decide(world, [to('red')], records(fromBlue))).toEqual([
    `detach ${NIC} from blue (through xl)`,
    'DomainPaused: red is paused; resume it',
  ]);
});

test('a dead device that somebody else gave to a guest stays there', () => {
  expect(decide(one(IN_BLUE, [red, domain('blue', { domid: 2 })], { dead: 'it is silent' }), [to('red')])).toEqual([
    expect.stringMatching(/^DeviceDead/),
  ]);
});

describe('of those that share a device', () => {
  const share = (name: string, spec: Spec = {}) => to(name, spec, { sharing: 'FirstStarted' });

  test('one whose domain there is not keeps its own reason', () => {
    const decided = plan(one(IN_RED, [red]), source([share('red'), share('nowhere')]), new Map());
    const others = decided.devices.get(address(NIC))?.others ?? [];
    expect(others.map(({ hold }) => hold?.reason)).toEqual(['DomainNotFound']);
  });

  test('one whose start is only being prepared does not go before one that runs', () => {
    const world = one(ASSIGNABLE, [{ ...off, state: 'changing' }, blue]);
    expect(decide(world, [share('red'), share('blue')])[0]).toBe(`attach ${NIC} to blue`);
  });

  test('two for one domain are named to the third, too', () => {
    const three = [share('red'), share('other', { domain: { uuid: 'uuid-red' } }), share('blue')];
    const [, , third] = plan(one(HOST, [red, blue]), source(three), new Map()).entries;
    expect(third?.claims[0]?.conflict?.message).toContain('two of them are for the same domain');
  });
});

test('a device without an entry that is back on the host is forgotten, also when it is dead', () => {
  for (const more of [{}, { dead: 'its config space reads all ones' }]) {
    const world = one(HOST, [domain('red', { domid: 1, stored: BARE })], more);
    const { devices, inventory } = plan(world, source([]), records(held(NIC)));
    expect(devices.get(address(NIC))).toEqual({ address: NIC, claims: [], others: [], have: HOST, steps: [] });
    expect(inventory.size).toBe(0);
  }
});

test('a dead device without an entry stays with a guest that is stopping until that has ended', () => {
  const stopping = domain('red', { domid: 1, state: 'changing', stored: BARE });
  const dead = one(IN_RED, [stopping], { dead: 'its config space reads all ones' });
  expect(decide(dead, [], records(held(NIC)))).toEqual([`DomainChanging: red has ${NIC} and is starting or stopping`]);
});

describe('a device that was pulled out of its guest and put back', () => {
  const word = "NeedsRestart: xenstore says that red has 0000:01:00.0, but dom0's driver e1000e has it";

  test('is not in place, whatever xenstore says', () => {
    const [hold] = decide(one(IN_RED, [red], { driver: 'e1000e' }), [to('red')]);
    expect(hold).toContain(word);
    const { driver: _, ...bare } = device(NIC, IN_RED);
    expect(decide(observed([bare], [red]), [to('red')])[0]).toContain('but no driver has it');
  });

  test('is not taken from it: libxl would reset it under the driver of dom0', () => {
    const mine = records(held(NIC));
    const world = one(IN_RED, [domain('red', { domid: 1 }), blue], { driver: 'e1000e' });
    const [hold, ...more] = decide(world, [to('blue')], mine);
    expect(hold).toContain(word);
    expect(more).toEqual([]);
  });
});
