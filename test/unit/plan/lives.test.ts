/** What becomes of devices through the life of their domain. */
import { describe, expect, test } from 'vitest';
import type { SourcedAssignment } from '../../../src/api/manifest.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const has = { hostdevs: [ours(address(NIC))], passthrough: true };
const toRed = assignment('red', 'red', [entry('lan', NIC)]);
const lent = assignment('red', 'red', [entry('lan', NIC)], { whenStopped: 'Host' });
const HELD: Inventory = new Map([
  [
    address(NIC),
    {
      address: address(NIC),
      assignment: 'red',
      entry: 'lan',
      domain: { name: 'red', uuid: 'uuid-red' },
      deletionPolicy: 'Assignable',
      updatePolicy: 'Live',
    } satisfies HeldDevice,
  ],
]);

/** The steps, and each device's reason. */
function inWords(world: Observed, desired: readonly SourcedAssignment[], held: Inventory = HELD): string[] {
  const decided = plan(world, source(desired), held);
  const holds = [...decided.devices.values()].flatMap(({ hold }) =>
    hold === undefined ? [] : [`${hold.reason}: ${hold.message}`],
  );
  return [...planSteps(decided).map(stepText), ...holds];
}

function transient(name: string, more: Partial<ObservedDomain> = {}): ObservedDomain {
  const { stored: _, ...rest } = domain(name, { persistent: false, ...more });
  return rest;
}

describe('whenStopped: Host with the hook in force', () => {
  const off = domain('red', { stored: { hostdevs: [], passthrough: true } });

  test('puts the device into the stored definition, and leaves it to the host', () => {
    const world = { ...observed([device(NIC, HOST)], [off]), hookInForce: true as const };
    expect(inWords(world, [lent])).toEqual(['configure red: add 0000:01:00.0']);
    const after = { ...observed([device(NIC, HOST)], [{ ...off, stored: has }]), hookInForce: true as const };
    expect(inWords(after, [lent])).toEqual([]);
  });

  test('takes it out again when the hook is no longer proven', () => {
    expect(inWords(observed([device(NIC, HOST)], [{ ...off, stored: has }]), [lent])).toEqual([
      'configure red: remove 0000:01:00.0',
    ]);
  });
});

test('while its start is prepared nothing is moved, wherever its device is', () => {
  const world = observed([device(NIC, ASSIGNABLE)], [domain('red', { state: 'changing', stored: has })]);
  const reason = 'DomainChanging: red is starting';
  expect(inWords(world, [toRed])).toEqual([reason]);
  expect(inWords({ ...world, hookInForce: true }, [lent])).toEqual([reason]);
});

describe('crashed and kept', () => {
  const kept = domain('red', { domid: 1, state: 'changing', crashed: true, stored: has });
  const reason = 'DomainCrashed: red has crashed and is kept as it was; end it: virsh destroy red';

  test('it keeps what it has', () => {
    expect(inWords(observed([device(NIC, IN_RED)], [kept]), [toRed])).toEqual([]);
  });

  test('it gets nothing, and nothing is taken from it', () => {
    expect(inWords(observed([device(NIC, HOST)], [kept]), [toRed])).toEqual([reason]);
    const toBlue = assignment('blue', 'blue', [entry('lan', NIC)]);
    const world = observed([device(NIC, IN_RED)], [kept, domain('blue', { domid: 2, stored: has })]);
    expect(inWords(world, [toBlue])).toContain(reason);
    expect(inWords(world, [])).toContain(reason);
  });
});

describe('renamed', () => {
  const crimson = domain('crimson', { uuid: 'uuid-red', domid: 1, stored: has });
  const inCrimson: Place = { at: 'guest', domid: 1, domain: 'crimson' };

  test('the record follows the UUID: it keeps its device, and the manifest is to be corrected', () => {
    const reason = 'DomainNotFound: red is called crimson now; write that name, or {uuid: uuid-red}, in spec.domain';
    expect(inWords(observed([device(NIC, inCrimson)], [crimson]), [toRed])).toEqual([reason]);
    const { domid: _, ...off } = crimson;
    const stopped = observed([device(NIC, ASSIGNABLE)], [{ ...off, state: 'shutoff' }]);
    expect(inWords(stopped, [lent])).toEqual([reason]);
  });

  test('is told from all other domains, and from one that is gone', () => {
    const other = domain('other', { domid: 2 });
    expect(inWords(observed([device(NIC, inCrimson)], [other, crimson]), [toRed])).toEqual([
      'DomainNotFound: red is called crimson now; write that name, or {uuid: uuid-red}, in spec.domain',
    ]);
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [other]), [toRed])).toEqual([
      'DomainNotFound: there is no domain red; define it or correct spec.domain',
    ]);
  });

  // libvirt's Xen driver has no rename: the definition goes, and comes under another name.
  test('a look while it has no definition does not lose which domain it was', () => {
    const undefinedNow = plan(observed([device(NIC, ASSIGNABLE)], []), source([toRed]), HELD).inventory;
    const { domid: _, ...off } = crimson;
    const world = observed([device(NIC, ASSIGNABLE)], [{ ...off, state: 'shutoff' }]);
    expect(planSteps(plan(world, source([toRed]), undefinedNow))).toEqual([]);
    expect(undefinedNow.get(address(NIC))?.domain).toEqual({ name: 'red', uuid: 'uuid-red' });
  });

  test('with the manifest corrected nothing is moved, and the record has the new name', () => {
    const world = observed([device(NIC, inCrimson)], [crimson]);
    const corrected = assignment('red', 'crimson', [entry('lan', NIC)]);
    expect(inWords(world, [corrected])).toEqual([]);
    expect(plan(world, source([corrected]), HELD).inventory.get(address(NIC))?.domain).toEqual({
      name: 'crimson',
      uuid: 'uuid-red',
    });
  });

  test('another domain that has the old name now gets the device, which leaves the old one', () => {
    const red = domain('red', { uuid: 'uuid-new', domid: 2, stored: has });
    expect(inWords(observed([device(NIC, inCrimson)], [crimson, red]), [toRed])).toEqual([
      'configure crimson: remove 0000:01:00.0',
      'detach 0000:01:00.0 from crimson (through xl)',
      'attach 0000:01:00.0 to red',
    ]);
  });
});

describe('without a stored definition', () => {
  test('undefined while it runs, it keeps its device until it ends', () => {
    expect(inWords(observed([device(NIC, IN_RED)], [transient('red', { domid: 1 })]), [toRed])).toEqual([]);
    expect(inWords(observed([device(NIC, ASSIGNABLE)], []), [toRed])).toEqual([
      'DomainNotFound: there is no domain red; define it or correct spec.domain',
    ]);
    expect(inWords(observed([device(NIC, ASSIGNABLE)], []), [lent])[0]).toBe('release 0000:01:00.0 to the host');
  });

  test('a transient domain gets its device after it has started', () => {
    expect(inWords(observed([device(NIC, HOST)], [transient('red', { domid: 1 })]), [toRed])).toEqual([
      'bind 0000:01:00.0 to pciback',
      'attach 0000:01:00.0 to red',
    ]);
  });

  test('one that xl made gets it through xl, and gives it through xl', () => {
    const byXl = transient('red', { domid: 1, toolstack: 'xl' });
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [byXl]), [toRed])).toEqual([
      'attach 0000:01:00.0 to red (through xl)',
    ]);
    expect(inWords(observed([device(NIC, IN_RED)], [byXl]), [])).toEqual(['detach 0000:01:00.0 from red (through xl)']);
  });
});

test('saved, it is off: its stored definition still has the device, and so has what libvirt saved', () => {
  const saved = domain('red', { stored: has });
  expect(inWords(observed([device(NIC, ASSIGNABLE)], [saved]), [toRed])).toEqual([]);
});
