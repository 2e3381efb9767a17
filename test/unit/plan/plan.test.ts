import { describe, expect, test } from 'vitest';
import type { SourcedAssignment, SourceSnapshot } from '../../../src/api/manifest.ts';
import type { PciPath } from '../../../src/api/path.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, Place } from '../../../src/plan/observed.ts';
import { nextSteps, plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, applied, assignment, device, domain, entry, observed, ours, policy, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const IN_BLUE: Place = { at: 'guest', domid: 2, domain: 'blue' };
const NONE: Inventory = new Map();

const red = domain('red', { domid: 1, stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
const blue = domain('blue', { domid: 2 });

/** The plan in words: its steps, and each device's reason. */
function inWords(world: Observed, desired: SourceSnapshot | readonly SourcedAssignment[], held = NONE): string[] {
  const decided = plan(world, 'assignments' in desired ? desired : source(desired), held);
  const holds = [...decided.devices.values()].flatMap(found =>
    found.hold === undefined ? [] : [`${found.hold.reason}: ${found.hold.message}`],
  );
  const unresolved = decided.entries.flatMap(found =>
    found.hold === undefined ? [] : [`${found.hold.reason}: ${found.hold.message}`],
  );
  return [...planSteps(decided).map(stepText), ...holds, ...unresolved];
}

function held(text: string, name: string, more: Partial<HeldDevice> = {}): Inventory {
  const at = address(text);
  const record: HeldDevice = {
    address: at,
    assignment: name,
    entry: 'lan',
    domain: { name, uuid: `uuid-${name}` },
    deletionPolicy: 'Assignable',
    updatePolicy: 'Live',
    ...more,
  };
  return new Map([[at, record]]);
}

const toRed = assignment('red', 'red', [entry('lan', NIC)]);

describe('a running domain', () => {
  test('gets a device from the host', () => {
    expect(inWords(observed([device(NIC, HOST)], [red]), [toRed])).toEqual([
      'bind 0000:01:00.0 to pciback',
      'attach 0000:01:00.0 to red',
    ]);
  });

  test('gets the card that was seen, with no guard switched off', () => {
    const found = device(NIC, HOST);
    const card = { identity: found.identity, path: found.path };
    const guest = { name: 'red', uuid: 'uuid-red', domid: 1 };
    expect(planSteps(plan(observed([found], [red]), source([toRed]), NONE))).toEqual([
      { verb: 'bind', device: NIC, card },
      { verb: 'attach', device: NIC, guest, via: 'libvirt', permissive: false, card },
    ]);
  });

  test('that has it needs nothing', () => {
    expect(inWords(observed([device(NIC, IN_RED)], [red]), [toRed])).toEqual([]);
  });

  test('gives it to another when the file says so, and both definitions follow', () => {
    const world = observed([device(NIC, IN_RED)], [{ ...red, live: [ours(address(NIC))] }, blue]);
    expect(inWords(world, [assignment('blue', 'blue', [entry('lan', NIC)])], held(NIC, 'red'))).toEqual([
      'configure blue: add 0000:01:00.0',
      'configure red: remove 0000:01:00.0',
      'detach 0000:01:00.0 from red',
      'attach 0000:01:00.0 to blue',
    ]);
  });

  test('keeps what we did not give it, unless its own assignment says what it may have', () => {
    const world = observed([device(NIC, IN_BLUE)], [red, blue]);
    expect(inWords(world, [toRed])).toEqual([
      'HeldByOther: blue has 0000:01:00.0, and not from us; detach it there or name that domain',
    ]);
    expect(inWords(world, [toRed, assignment('blue', 'blue', [])])).toEqual([
      'detach 0000:01:00.0 from blue (through xl)',
      'attach 0000:01:00.0 to red',
    ]);
  });

  test('knows our own attachment by its alias when the record is lost', () => {
    const world = observed([device(NIC, IN_BLUE)], [red, { ...blue, live: [ours(address(NIC))] }]);
    expect(inWords(world, [toRed])).toEqual(['detach 0000:01:00.0 from blue', 'attach 0000:01:00.0 to red']);
  });

  test('that was started without passthrough waits for a restart, with the device ready', () => {
    const world = observed([device(NIC, HOST)], [{ ...red, passthrough: 'off' }]);
    expect(inWords(world, [toRed])).toEqual([
      'bind 0000:01:00.0 to pciback',
      'NeedsRestart: red was started without PCI passthrough; stop and start it',
    ]);
  });

  test('with updatePolicy OnNextStart is not changed while it runs', () => {
    const later = assignment('red', 'red', [entry('lan', NIC)], { updatePolicy: 'OnNextStart' });
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [red]), [later])).toEqual([
      'NeedsRestart: red gets 0000:01:00.0 when it is next started (updatePolicy: OnNextStart)',
    ]);
    const gone = held(NIC, 'red', { updatePolicy: 'OnNextStart' });
    expect(inWords(observed([device(NIC, IN_RED)], [red]), [], gone)).toEqual([
      'configure red: remove 0000:01:00.0',
      'NeedsRestart: 0000:01:00.0 leaves red when that domain stops (updatePolicy: OnNextStart)',
    ]);
  });

  test('that is paused gets nothing until it is resumed', () => {
    expect(inWords(observed([device(NIC, HOST)], [{ ...red, state: 'paused' }]), [toRed])).toEqual([
      'bind 0000:01:00.0 to pciback',
      'DomainPaused: red is paused; resume it',
    ]);
  });

  test('that sleeps neither gets nor loses anything until it is awake', () => {
    const asleep = { ...red, live: [ours(address(NIC))], state: 'paused', asleep: true } as const;
    expect(inWords(observed([device(NIC, HOST)], [asleep]), [toRed])).toContain('DomainPaused: red is asleep; wake it');
    const wanted = [assignment('blue', 'blue', [entry('lan', NIC)])];
    expect(inWords(observed([device(NIC, IN_RED)], [asleep, blue]), wanted, held(NIC, 'red'))).toContain(
      `DomainPaused: red has ${NIC} and is asleep; wake it`,
    );
  });

  test('that is starting or stopping is left alone', () => {
    expect(inWords(observed([device(NIC, HOST)], [{ ...red, state: 'changing' }]), [toRed])).toEqual([
      'DomainChanging: red is starting or stopping',
    ]);
    const leaving = observed([device(NIC, IN_BLUE)], [red, { ...blue, state: 'changing' }]);
    expect(inWords(leaving, [toRed], held(NIC, 'blue'))).toEqual([
      'DomainChanging: blue has 0000:01:00.0 and is starting or stopping',
    ]);
  });

  test('made by xl is served through xl', () => {
    const { stored: _, ...xl } = domain('red', { domid: 1, toolstack: 'xl' });
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [xl]), [toRed])).toEqual([
      'attach 0000:01:00.0 to red (through xl)',
    ]);
  });

  test('about which libvirt is wrong is served through xl', () => {
    const world = observed([device(NIC, ASSIGNABLE)], [{ ...red, live: [ours(address(NIC))] }, blue]);
    expect(inWords(world, [toRed])).toEqual(['attach 0000:01:00.0 to red (through xl)']);
    const moved = assignment('blue', 'blue', [entry('lan', NIC)]);
    expect(inWords(world, [moved], held(NIC, 'red'))).toContain('attach 0000:01:00.0 to blue (through xl)');
  });

  test('gives what it has by xl through xl, whatever else libvirt believes that it has', () => {
    const world = observed([device(NIC, IN_RED), device(DISK, IN_RED)], [{ ...red, live: [ours(address(DISK))] }]);
    expect(inWords(world, [], held(NIC, 'red'))).toContain('detach 0000:01:00.0 from red (through xl)');
  });

  test('named by UUID is found whatever its name', () => {
    const byUuid = assignment('red', '', [entry('lan', NIC)], { domain: { uuid: 'uuid-red' } });
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [{ ...red, name: 'renamed' }]), [byUuid])).toEqual([
      'attach 0000:01:00.0 to renamed',
    ]);
  });
});

describe('a shut-off domain', () => {
  const off = domain('red', { stored: { hostdevs: [], passthrough: false } });

  test('has its devices in its stored definition and assignable', () => {
    expect(inWords(observed([device(NIC, HOST)], [off]), [toRed])).toEqual([
      'configure red: add 0000:01:00.0, enable PCI passthrough',
      'bind 0000:01:00.0 to pciback',
    ]);
  });

  test('with whenStopped Host leaves them to the host, and not in the definition', () => {
    const lent = assignment('red', 'red', [entry('lan', NIC)], { whenStopped: 'Host' });
    const world = observed(
      [device(NIC, ASSIGNABLE, { homeDriver: 'e1000e' })],
      [red].map(({ domid: _, ...item }) => ({ ...item, state: 'shutoff' as const })),
    );
    expect(inWords(world, [lent])).toEqual(['configure red: remove 0000:01:00.0', 'release 0000:01:00.0 to the host']);
  });

  test('that is gone counts as stopped when it was ours, and as a slip of the pen when it never was', () => {
    const lent = assignment('red', 'red', [entry('lan', NIC)], { whenStopped: 'Host' });
    const reason = 'DomainNotFound: there is no domain red; define it or correct spec.domain';
    const world = observed([device(NIC, ASSIGNABLE)], []);
    expect(inWords(world, [lent], held(NIC, 'red'))).toEqual(['release 0000:01:00.0 to the host', reason]);
    expect(inWords(world, [lent])).toEqual([reason]);
  });

  test('keeps entries that are not ours', () => {
    const foreign = { address: address(DISK), managed: true, permissive: false };
    const mixed = domain('red', { stored: { hostdevs: [foreign, ours(address(NIC))], passthrough: true } });
    const moved = assignment('blue', 'blue', [entry('lan', NIC)]);
    const { domid: _, ...blueOff } = { ...blue, state: 'shutoff' as const };
    expect(inWords(observed([device(NIC, ASSIGNABLE), device(DISK, HOST)], [mixed, blueOff]), [moved])).toEqual([
      'configure blue: add 0000:01:00.0',
      'configure red: remove 0000:01:00.0',
    ]);
  });

  test('keeps an entry that is not ours even for a device that has its place elsewhere', () => {
    const foreign = domain('red', {
      stored: { hostdevs: [{ address: address(NIC), managed: true, permissive: false }], passthrough: true },
    });
    const world = observed(
      [device(NIC, ASSIGNABLE)],
      [foreign, { ...blue, stored: { hostdevs: [], passthrough: true } }],
    );
    expect(inWords(world, [assignment('blue', 'blue', [entry('lan', NIC)])])).toEqual([
      'configure blue: add 0000:01:00.0',
      'attach 0000:01:00.0 to blue',
    ]);
  });

  test('gets its entry anew when permissive changes', () => {
    const off = domain('red', { stored: { hostdevs: [ours(address(NIC), true)], passthrough: true } });
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [off]), [toRed])).toEqual([
      'configure red: replace 0000:01:00.0',
    ]);
  });

  test('keeps its entries while anything is unreadable', () => {
    const off = domain('red', { stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
    const unsure = source([], { complete: false });
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [off]), unsure, held(NIC, 'red'))).toEqual([
      'SourceIncomplete: its entry is gone, but not every manifest could be read; nothing is taken away until all can',
    ]);
  });

  test('is not started with a device that is missing and may be, and not without one that may not', () => {
    const may = assignment('red', 'red', [entry('lan', NIC, { whenMissing: 'Ignore' })]);
    const reason = 'DeviceMissing: 0000:01:00.0 is not on this host; put it back or remove the entry';
    expect(inWords(observed([], [{ ...off, stored: red.stored ?? off.stored } as typeof off]), [may])).toEqual([
      'configure red: remove 0000:01:00.0',
      reason,
    ]);
    expect(inWords(observed([], [off]), [toRed])).toEqual([
      'configure red: add 0000:01:00.0, enable PCI passthrough',
      reason,
    ]);
  });
});

describe('a guard refuses', () => {
  const world = observed([device(NIC, HOST, { resetMethods: [] })], [red]);

  test('two entries for one device, and names both with file and line', () => {
    const both = [toRed, assignment('blue', 'blue', [entry('uplink', NIC)])];
    expect(
      inWords(observed([device(NIC, HOST)], [red, { ...blue, stored: { hostdevs: [], passthrough: true } }]), both),
    ).toEqual([
      'Conflict: 0000:01:00.0 is also named by blue/uplink (/manifests/blue.yaml:10); remove it from all but one',
    ]);
  });

  test('two entries for one device, and leaves the definitions of both domains as they are', () => {
    const both = [toRed, assignment('blue', 'blue', [entry('uplink', NIC)])];
    const without = { ...blue, stored: { hostdevs: [], passthrough: false } };
    expect(plan(observed([device(NIC, HOST)], [red, without]), source(both), new Map()).configures).toEqual(new Map());
  });

  test('another card in the slot, and says what it is', () => {
    const exact = assignment('red', 'red', [entry('lan', NIC, { identity: { vendor: '8086', device: '15b8' } })]);
    expect(
      inWords(observed([device(NIC, HOST)], [{ ...red, stored: { hostdevs: [], passthrough: true } }]), [exact]),
    ).toEqual([
      'IdentityMismatch: the device at 0000:01:00.0 is another one: device is 10d3, not 15b8; edit identity to accept it',
    ]);
  });

  test('a device in a segment that Xen has no number for', () => {
    const far = '10000:e0:06.0';
    expect(inWords(observed([device(far, HOST)], [red]), [assignment('red', 'red', [entry('x', far)])])).toEqual([
      'SegmentTooLarge: 10000:e0:06.0 is in a segment beyond ffff, which Xen cannot pass on; switch VMD off in the firmware',
    ]);
    const near = 'ffff:e0:06.0';
    const asked = assignment('red', 'red', [entry('x', near)]);
    expect(inWords(observed([device(near, HOST)], [red]), [asked])).toContain('attach ffff:e0:06.0 to red');
  });

  test('a protected device, by address or path', () => {
    for (const item of [{ address: address(NIC) }, { path: device(NIC, HOST).path }]) {
      const protecting = source([toRed], { policy: policy({ protectedDevices: [item] }) });
      expect(inWords(observed([device(NIC, HOST)], []), protecting)).toEqual([
        'Protected: 0000:01:00.0 is in protectedDevices of PCIHostPolicy host',
      ]);
    }
  });

  test('a device that an unreadable policy may protect, unless we hold it already', () => {
    const unsure = source([toRed], { complete: false, policyUnknown: true });
    const free = observed([device(NIC, HOST)], [{ ...red, stored: { hostdevs: [], passthrough: true } }]);
    expect(inWords(free, unsure)).toEqual([
      'SourceIncomplete: a manifest that cannot be read may protect this device; nothing new is taken until all can',
    ]);
    expect(inWords(free, unsure, held(NIC, 'red'))).toContain('attach 0000:01:00.0 to red');
  });

  test('a bridge', () => {
    const bridge = device(NIC, HOST, { identity: { vendor: '1b36', device: '000c', class: '0604' } });
    expect(inWords(observed([bridge], []), [toRed])).toEqual([
      'Bridge: 0000:01:00.0 is a bridge; name the device behind it',
    ]);
  });

  test('a device without reset under Strict; BestEffort goes through xl and stays out of the definition', () => {
    const free = { ...red, stored: { hostdevs: [], passthrough: true } };
    const bare = observed([device(NIC, HOST, { resetMethods: [] })], [free]);
    expect(inWords(bare, [toRed])).toEqual([
      'NoReset: 0000:01:00.0 has no reset (FLR, power management or bus); set reset: BestEffort to give it away unreset',
    ]);
    expect(inWords(bare, [assignment('red', 'red', [entry('lan', NIC, { reset: 'BestEffort' })])])).toEqual([
      'bind 0000:01:00.0 to pciback',
      'attach 0000:01:00.0 to red (through xl)',
    ]);
  });

  test('dom0 and PVH domains', () => {
    const pvh = observed([device(NIC, HOST)], [{ ...red, type: 'pvh', stored: { hostdevs: [], passthrough: false } }]);
    expect(inWords(pvh, [toRed])).toEqual([
      'PVHDomain: red is PVH, and Xen passes PCI devices to PV and HVM domains only',
    ]);
    const dom0 = observed([device(NIC, HOST)], [domain('Domain-0', { domid: 0 })]);
    expect(inWords(dom0, [assignment('x', 'Domain-0', [entry('lan', NIC)])])).toEqual([
      'ControlDomain: dom0 has every device that no guest has; name a guest',
    ]);
    expect(world.domains).toHaveLength(1);
  });
});

describe('entries', () => {
  test('by path tell functions of one slot apart, and check the identity of what they find', () => {
    const path = (fn: number): PciPath => `00_1c.0/00_00.${fn}` as PciPath;
    const [first, second] = [0, 1].map(fn =>
      device(`0000:07:00.${fn}`, ASSIGNABLE, {
        path: path(fn),
        identity: { vendor: '8086', device: fn === 0 ? '10fb' : '10d3', class: '0200' },
      }),
    );
    if (first === undefined || second === undefined) throw new Error('two functions');
    const one = (identity: string): SourcedAssignment =>
      assignment('red', 'red', [entry('lan', NIC, { path: path(1), identity: { device: identity } })]);
    expect(inWords(observed([first, second], [red]), [one('10d3')])).toContain('attach 0000:07:00.1 to red');
    expect(inWords(observed([first, second], [red]), [one('10fb')])).toEqual([
      'IdentityMismatch: the device at 0000:07:00.1 is another one: device is 10d3, not 10fb; edit identity to accept it',
    ]);
  });

  test('by path find the device whatever its address', () => {
    const byPath = assignment('red', 'red', [entry('lan', NIC, { path: '00_1c.0/00_00.0' as PciPath })]);
    const moved = device('0000:07:00.0', ASSIGNABLE, { path: '00_1c.0/00_00.0' as PciPath });
    expect(inWords(observed([moved], [{ ...red, stored: { hostdevs: [], passthrough: true } }]), [byPath])).toEqual([
      'configure red: add 0000:07:00.0',
      'attach 0000:07:00.0 to red',
    ]);
    expect(inWords(observed([], [red]), [byPath])).toEqual([
      'DeviceMissing: there is no device at path 00_1c.0/00_00.0',
    ]);
  });

  test('by selector take every matching device that no other entry names, and never a bridge', () => {
    const every = assignment('blue', 'blue', [entry('nics', NIC, { selector: { vendor: '8086' } })]);
    const world = observed(
      [
        device(NIC, IN_RED),
        device(DISK, ASSIGNABLE),
        device('0000:00:1c.0', HOST, { identity: { vendor: '8086', device: '1', class: '0604' } }),
        device('0000:03:00.0', ASSIGNABLE, { identity: { vendor: '10de', device: '1', class: '0300' } }),
        device('0000:04:00.0', ASSIGNABLE, { present: false }),
      ],
      [red, blue],
    );
    expect(inWords(world, [toRed, every])).toEqual(['configure blue: add 0000:02:00.0', 'attach 0000:02:00.0 to blue']);
  });

  test('by selector name what they find in the order of addresses, whatever the order of the look', () => {
    const every = assignment('blue', 'blue', [entry('nics', NIC, { selector: { vendor: '8086' } })]);
    const devices = ['0000:04:00.0', NIC, DISK].map(text => device(text, ASSIGNABLE));
    const [found] = plan(observed(devices, [blue]), source([every]), NONE).entries;
    expect(found?.claims.map(claim => claim.address)).toEqual([NIC, DISK, '0000:04:00.0']);
  });

  test('by path are not for a card that has vanished from there', () => {
    const path = '00_1c.0/00_00.0' as PciPath;
    const gone = device('0000:09:00.0', IN_RED, { present: false, path });
    const named = assignment('blue', 'blue', [entry('lan', NIC, { path })]);
    const [found] = plan(observed([device(NIC, HOST, { path }), gone], [red, blue]), source([named]), NONE).entries;
    expect(found?.claims.map(claim => claim.address)).toEqual([NIC]);
  });

  test('for a name that two domains have mean the running one', () => {
    const off = { ...domain('red'), uuid: 'uuid-other' };
    expect(inWords(observed([device(NIC, ASSIGNABLE)], [off, red]), [toRed])).toEqual(['attach 0000:01:00.0 to red']);
  });

  test('of a suspended assignment do nothing', () => {
    const asleep = assignment('red', 'red', [entry('lan', NIC)], { suspend: true });
    expect(
      inWords(
        observed([device(NIC, HOST)], [domain('red', { domid: 1, stored: { hostdevs: [], passthrough: false } })]),
        [asleep],
      ),
    ).toEqual(['Suspended: the assignment is suspended']);
  });
});

describe('the record', () => {
  test('is written before the first step and says which host driver the device had', () => {
    const decided = plan(observed([device(NIC, HOST)], [red]), source([toRed]), NONE);
    expect(decided.inventory.get(address(NIC))).toEqual({
      address: NIC,
      assignment: 'red',
      entry: 'lan',
      domain: { name: 'red', uuid: 'uuid-red' },
      deletionPolicy: 'Assignable',
      updatePolicy: 'Live',
      hostDriver: { name: 'e1000e', bootId: 'boot-1' },
    });
  });

  test('names the guest before until that guest has let go', () => {
    const world = observed([device(NIC, IN_RED)], [{ ...red, live: [ours(address(NIC))] }, blue]);
    const desired = source([assignment('blue', 'blue', [entry('lan', NIC)])]);
    const first = plan(world, desired, held(NIC, 'red'));
    expect(first.inventory.get(address(NIC))?.domain.name).toBe('red');
    const [step] = nextSteps(first).filter(next => next.verb === 'detach');
    if (step === undefined) throw new Error('no detach');
    expect(plan(applied(world, step), desired, first.inventory).inventory.get(address(NIC))?.domain.name).toBe('blue');
  });

  test('is neither made nor changed for a device that a guard keeps from its entry', () => {
    const used = observed([device(NIC, HOST, { uses: [{ guard: 'Swap', text: 'sda1 is swap' }] })], [red]);
    expect(plan(used, source([toRed]), NONE).inventory).toEqual(NONE);
    const before = held(NIC, 'old', { deletionPolicy: 'Orphan' });
    expect(plan(used, source([toRed]), before).inventory).toBe(before);
  });

  test('is all that a device without an entry has: nobody waits for it', () => {
    const found = plan(observed([device(NIC, ASSIGNABLE)], []), source([]), held(NIC, 'red')).devices.get(address(NIC));
    expect(found).toMatchObject({ claims: [], others: [], steps: [] });
  });

  test('is the same object while nothing changes, so that nothing is written', () => {
    const world = observed([device(NIC, IN_RED)], [red]);
    const first = plan(world, source([toRed]), NONE).inventory;
    expect(plan(world, source([toRed]), first).inventory).toBe(first);
  });

  test('is kept until the stored definition has let go too', () => {
    const off = domain('red', { stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
    const world = observed([device(NIC, ASSIGNABLE)], [off]);
    const first = plan(world, source([]), held(NIC, 'red'));
    expect(planSteps(first).map(stepText)).toEqual(['configure red: remove 0000:01:00.0']);
    expect(first.inventory.size).toBe(1);
    const [step] = nextSteps(first);
    if (step === undefined) throw new Error('no step');
    expect(plan(applied(world, step), source([]), first.inventory).inventory.size).toBe(0);
  });

  test('forgets a device that somebody gave to another guest', () => {
    const world = observed([device(NIC, IN_BLUE)], [domain('red', { domid: 1 }), blue]);
    const decided = plan(world, source([]), held(NIC, 'red'));
    expect(planSteps(decided)).toEqual([]);
    expect(decided.inventory.size).toBe(0);
  });
});
