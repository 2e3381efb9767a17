import { describe, expect, test } from 'vitest';
import type { PCIAssignment, SourceSnapshot } from '../../../src/api/manifest.ts';
import { computeStatus } from '../../../src/controller/status.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const IN_BLUE: Place = { at: 'guest', domid: 2, domain: 'blue' };
const NONE: Inventory = new Map();

const entries = [ours(address(NIC))];
const red = domain('red', { domid: 1, live: entries, stored: { hostdevs: entries, passthrough: true } });
const blue = domain('blue', { domid: 2 });
const { domid: _, live: __, ...redOff } = { ...red, state: 'shutoff' as const };
const off: ObservedDomain = { ...redOff, live: [] };

function desired(spec: Partial<PCIAssignment['spec']> = {}): SourceSnapshot {
  return source([assignment('red', 'red', [entry('lan', NIC)], { driftPolicy: 'Report', ...spec })]);
}

function world(place: Place, domains: readonly ObservedDomain[] = [red], more: Partial<ObservedDevice> = {}): Observed {
  return observed([device(NIC, place, more)], domains);
}

function inWords(at: Observed, wanted: SourceSnapshot, held: Inventory): string[] {
  const decided = plan(at, wanted, held);
  const holds = [...decided.devices.values()].flatMap(({ hold }) => (hold === undefined ? [] : [hold]));
  return [...planSteps(decided).map(stepText), ...holds.map(({ reason, message }) => `${reason}: ${message}`)];
}

const inPlace = plan(world(IN_RED), desired(), NONE).inventory;
const LEFT = 'driftPolicy: Report leaves it so until the manifest changes';
const GONE = `Drifted: 0000:01:00.0 was in place (guest red) and is assignable now; ${LEFT}`;

describe('driftPolicy: Report', () => {
  test('leaves a device where others have put it, and shows both views', () => {
    expect(inWords(world(ASSIGNABLE), desired(), inPlace)).toEqual([GONE]);
    const more = { divergence: 'xenstore shows it in no guest; libvirt shows it in red' };
    expect(inWords(world(ASSIGNABLE, [red], more), desired(), inPlace)).toEqual([
      `Drifted: 0000:01:00.0 was in place (guest red) and is assignable now (${more.divergence}); ${LEFT}`,
    ]);
    expect(inWords(world(IN_BLUE, [red, blue]), desired(), inPlace)).toEqual([
      `Drifted: 0000:01:00.0 was in place (guest red) and is guest blue now; ${LEFT}`,
    ]);
    expect(inWords(world(HOST), desired(), inPlace)).toEqual([
      `Drifted: 0000:01:00.0 was in place (guest red) and is host now; ${LEFT}`,
    ]);
  });

  test('goes on as long as that lasts, and remembers nothing more', () => {
    const again = plan(world(ASSIGNABLE), desired(), inPlace).inventory;
    expect(again).toBe(inPlace);
    expect(inWords(world(IN_RED), desired(), again)).toEqual([]);
  });

  test('ends with a change of the manifest, with driftPolicy Correct, and with the instance of the domain', () => {
    const attach = 'attach 0000:01:00.0 to red';
    const gone = [{ ...red, live: [] }];
    expect(inWords(world(ASSIGNABLE, gone), desired({ deletionPolicy: 'Host' }), inPlace)).toEqual([attach]);
    expect(inWords(world(ASSIGNABLE, gone), desired({ driftPolicy: 'Correct' }), inPlace)).toEqual([attach]);
    expect(inWords(world(ASSIGNABLE, [{ ...red, domid: 5, live: [] }]), desired(), inPlace)).toEqual([attach]);
    expect(inWords({ ...world(ASSIGNABLE, gone), bootId: 'boot-2' }, desired(), inPlace)).toEqual([attach]);
    expect(inWords(world(ASSIGNABLE, [off]), desired(), inPlace)).toEqual([]);
  });

  test('says nothing of a device that was never in place', () => {
    const first = plan(world(HOST), desired(), NONE);
    expect(first.inventory.get(address(NIC))?.inPlace).toBeUndefined();
    expect(inWords(world(ASSIGNABLE), desired(), first.inventory)).toEqual(['attach 0000:01:00.0 to red (through xl)']);
  });

  test('holds for a domain that is off, and for its stored definition', () => {
    const held = plan(world(ASSIGNABLE, [off]), desired(), NONE).inventory;
    expect(inWords(world(HOST, [off]), desired(), held)).toEqual([
      `Drifted: 0000:01:00.0 was in place (assignable) and is host now; ${LEFT}`,
    ]);
    const bare = { ...off, stored: { hostdevs: [], passthrough: true } };
    expect(inWords(world(ASSIGNABLE, [bare]), desired(), held)).toEqual([
      `Drifted: 0000:01:00.0 was in the stored definition of red as wanted, and is not now; ${LEFT}`,
    ]);
    expect(inWords(world(ASSIGNABLE, [bare]), desired({ driftPolicy: 'Correct' }), held)).toEqual([
      'configure red: add 0000:01:00.0',
    ]);
  });

  test('does not take a detach that is under way for the end of it', () => {
    const settling = plan(world(IN_RED, [red], { settled: false }), desired(), inPlace);
    expect(inWords(world(ASSIGNABLE), desired(), settling.inventory)).toEqual([GONE]);
  });

  test('does not take an attach that is under way for a device that was in place', () => {
    const settling = plan(world(IN_RED, [red], { settled: false }), desired(), NONE).inventory;
    expect(settling.get(address(NIC))?.inPlace).toBeUndefined();
    const gone = [{ ...red, live: [] }];
    expect(inWords(world(ASSIGNABLE, gone), desired(), settling)).toEqual(['attach 0000:01:00.0 to red']);
  });

  test('takes a device for in place only when the stored definition has it, too, whatever else that is to get', () => {
    const bare = { ...red, stored: { hostdevs: [], passthrough: true } };
    const at = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [bare]);
    const entries = [entry('lan', NIC), entry('disk', DISK)];
    const first = plan(at, source([assignment('red', 'red', entries, { driftPolicy: 'Report' })]), NONE);
    expect(planSteps(first).map(stepText)).toEqual(['configure red: add 0000:01:00.0, add 0000:02:00.0']);
    expect([...first.inventory.values()].map(({ inPlace: mark }) => mark)).toEqual([undefined, undefined]);
  });

  test('does not take a card that was put back for a change by others', () => {
    const missing = plan(observed([], [red]), desired(), inPlace).inventory;
    expect(inWords(world(HOST, [{ ...red, live: [] }]), desired(), missing)).toEqual([
      'bind 0000:01:00.0 to pciback',
      'attach 0000:01:00.0 to red',
    ]);
  });
});

describe('a device on its way', () => {
  test('is left alone while libvirt has not let go of a domain that ended', () => {
    const ending = { ...blue, state: 'changing' as const, live: [ours(address(NIC))] };
    const wanted = desired({ driftPolicy: 'Correct' });
    expect(inWords(world(ASSIGNABLE, [{ ...red, live: [] }, ending]), wanted, NONE)).toEqual([
      'DomainChanging: blue is starting or stopping, and libvirt counts 0000:01:00.0 as its',
    ]);
  });

  test('waits for a person to end a crashed domain of which libvirt believes that it has it', () => {
    const kept = { ...blue, state: 'changing' as const, crashed: true as const, live: [ours(address(NIC))] };
    expect(inWords(world(ASSIGNABLE, [{ ...red, live: [] }, kept]), desired({ driftPolicy: 'Correct' }), NONE)).toEqual(
      ['DomainCrashed: blue has crashed and is kept as it was; end it: virsh destroy blue'],
    );
  });

  test('is left alone, also when it is to leave, in a guest whose PCI bus is closed', () => {
    const closed = world(IN_RED, [red], { busClosed: true });
    const words =
      'GuestBusClosed: the PCI bus of red is closed: 0000:01:00.0 does not work in it and cannot be taken from it; stop and start it';
    expect(inWords(closed, desired(), inPlace)).toEqual([words]);
    const gone = { ...desired(), assignments: [] };
    expect(inWords(closed, gone, inPlace)).toEqual(['configure red: remove 0000:01:00.0', words]);
  });

  test('is left alone while libxl has it marked', () => {
    const wanted = desired({ driftPolicy: 'Correct' });
    expect(inWords(world(ASSIGNABLE, [{ ...red, live: [] }], { settled: false }), wanted, NONE)).toEqual([
      'Settling: 0000:01:00.0 is being given to a guest or taken from one',
    ]);
  });
});

describe('what is not ours in an assigned domain', () => {
  const bare: HostdevEntry = { address: address(DISK), managed: true, permissive: false };
  const mixed = { ...red, live: [...red.live, bare], stored: { hostdevs: [...entries, bare], passthrough: true } };

  function conditions(at: Observed, wanted: SourceSnapshot): string[] {
    const decided = plan(at, wanted, NONE);
    expect(planSteps(decided)).toEqual([]);
    const now = Date.parse('2026-01-01T00:00:00Z');
    const status = computeStatus({
      plan: decided,
      observed: at,
      source: wanted,
      failure: () => undefined,
      open: [],
      now,
    });
    expect(status.assignments[0]?.foreign).toBeDefined();
    return (status.assignments[0]?.conditions ?? []).map(
      ({ type, status: is, message }) => `${type} ${is}: ${message}`,
    );
  }

  test('is shown with its views and left alone; under Report it keeps the assignment from being ready', () => {
    const both = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [mixed]);
    const text =
      'red has what no entry names and xenpci did not give it: 0000:02:00.0 (xenstore, libvirt live, libvirt stored); it is left alone';
    expect(conditions(both, desired({ driftPolicy: 'Correct' }))).toEqual([
      'Ready True: red has 1 device',
      `ForeignDevices True: ${text}`,
    ]);
    expect(conditions(both, desired())).toEqual([
      `Ready False: ${text}`,
      `Stalled True: ${text}`,
      `ForeignDevices True: ${text}`,
    ]);
  });

  test('is an attachment by xl, and one that only the next start brings', () => {
    const byXl = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [red]);
    expect(plan(byXl, desired(), NONE).foreign.get('uuid-red')).toEqual([{ address: DISK, views: ['xenstore'] }]);
    const later = observed([device(NIC, IN_RED), device(DISK, HOST)], [{ ...mixed, live: red.live }]);
    expect(plan(later, desired(), NONE).foreign.get('uuid-red')).toEqual([{ address: DISK, views: ['stored'] }]);
  });

  test('is neither what an entry names, nor what we gave through xl, nor what is in a domain without assignment', () => {
    const named = observed([device(NIC, IN_RED)], [{ ...red, live: [] }]);
    expect(plan(named, desired(), NONE).foreign).toEqual(new Map());
    const record = {
      address: address(DISK),
      assignment: 'red',
      entry: 'x',
      domain: { name: 'red', uuid: 'uuid-red' },
    } as const;
    const held: Inventory = new Map([[address(DISK), { ...record, deletionPolicy: 'Orphan', updatePolicy: 'Live' }]]);
    const byUs = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [red]);
    expect(plan(byUs, desired(), held).foreign).toEqual(new Map());
    expect(plan(observed([device(DISK, IN_RED)], [red]), source([]), NONE).foreign).toEqual(new Map());
  });

  test('is not what is ours by its alias alone, nor what another guest has, nor what dom0 has', () => {
    const USB = '0000:03:00.0';
    const both = {
      ...red,
      live: [ours(address(NIC)), ours(address(USB))],
      stored: { hostdevs: [], passthrough: true },
    };
    const devices = [device(NIC, IN_RED), device(USB, IN_RED), device(DISK, IN_BLUE), device('0000:04:00.0', HOST)];
    expect(plan(observed(devices, [both, blue]), desired(), NONE).foreign).toEqual(new Map());
  });

  test('is nothing in a domain without devices, whether it runs, is off, or has no stored definition', () => {
    const running = domain('red', { domid: 1 });
    const { stored: ___, ...transient } = running;
    for (const found of [running, transient, domain('red')]) {
      expect(plan(world(HOST, [found]), desired(), NONE).foreign).toEqual(new Map());
    }
  });

  test('is shown in the order of addresses', () => {
    const devices = ['0000:04:00.0', DISK, NIC].map(text => device(text, IN_RED));
    expect(
      plan(observed(devices, [red]), desired(), NONE)
        .foreign.get('uuid-red')
        ?.map(found => found.address),
    ).toEqual([DISK, '0000:04:00.0']);
  });

  test("that is remembered by its domain's name alone, as before it had a UUID, is ours", () => {
    const record = { address: address(DISK), assignment: 'red', entry: 'x', domain: { name: 'red' } } as const;
    const held = (name: string): Inventory =>
      new Map([
        [
          address(DISK),
          { ...record, domain: { name }, deletionPolicy: 'Orphan' as const, updatePolicy: 'Live' as const },
        ],
      ]);
    const byXl = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [red]);
    expect(plan(byXl, desired(), held('red')).foreign).toEqual(new Map());
    expect(plan(byXl, desired(), held('blue')).foreign.get('uuid-red')).toHaveLength(1);
  });

  test('is taken for another domain only if an assignment of the domain that has it says Correct', () => {
    const toRed = assignment('red', 'red', [entry('lan', NIC)]);
    const at = world(IN_BLUE, [{ ...red, live: [] }, blue]);
    const ofBlue = (driftPolicy: 'Correct' | 'Report'): SourceSnapshot =>
      source([toRed, assignment('blue', 'blue', [], { driftPolicy })]);
    expect(inWords(at, ofBlue('Correct'), NONE)).toEqual([
      'detach 0000:01:00.0 from blue (through xl)',
      'attach 0000:01:00.0 to red',
    ]);
    expect(inWords(at, ofBlue('Report'), NONE)).toEqual([
      'HeldByOther: blue has 0000:01:00.0, and not from us; detach it there, or set driftPolicy: Correct in an assignment for that domain',
    ]);
  });
});
