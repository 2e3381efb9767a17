import { describe, expect, test } from 'vitest';
import type { PCIHostPolicy, SourcedAssignment, SourceSnapshot } from '../../../src/api/manifest.ts';
import type { PciPath } from '../../../src/api/path.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import type { HostdevEntry, Observed, ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { concernsStart, decideStart, type StartingDomain } from '../../../src/plan/start.ts';
import { address, assignment, device, domain, entry, held, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_BLUE: Place = { at: 'guest', domid: 2, domain: 'blue' };
const blue = domain('blue', { domid: 2, toolstack: 'xl' });
const toRed = assignment('red', 'red', [entry('lan', NIC)]);
const foreign = (text: string): HostdevEntry => ({ address: address(text), managed: false, permissive: false });

function starting(hostdevs: readonly HostdevEntry[], more: Partial<StartingDomain> = {}): StartingDomain {
  return { name: 'red', uuid: 'uuid-red', type: 'pv', hostdevs, ...more };
}

interface Scene {
  readonly hostdevs?: readonly HostdevEntry[];
  readonly devices?: readonly ObservedDevice[];
  readonly domains?: readonly ObservedDomain[];
  readonly desired?: SourceSnapshot | readonly SourcedAssignment[];
  readonly held?: Inventory;
  readonly more?: Partial<StartingDomain>;
}

/** The decision in words. */
function decide(scene: Scene): string {
  const { hostdevs = [ours(address(NIC))], devices = [], domains = [], desired = [toRed], held = new Map() } = scene;
  const snapshot = 'assignments' in desired ? desired : source(desired);
  const decision = decideStart(starting(hostdevs, scene.more), observed(devices, domains), snapshot, held);
  if (decision.verdict !== 'go') return `${decision.verdict}: ${decision.message}`;
  const devicesText = decision.devices.map(({ device: at, permissive, record }) =>
    [record === undefined ? 'ready' : 'bind', at, ...(permissive ? ['permissive'] : [])].join(' '),
  );
  return ['go', ...devicesText].join('; ');
}

describe('a start goes on', () => {
  test('with its device on pciback, which is freed of an earlier guest', () => {
    expect(decide({ devices: [device(NIC, ASSIGNABLE)] })).toBe('go; ready 0000:01:00.0');
  });

  test('with its device on its dom0 driver, which is bound and recorded first', () => {
    const decision = decideStart(
      starting([ours(address(NIC), true)]),
      observed([device(NIC, HOST)], []),
      source([toRed]),
      new Map(),
    );
    expect(decision).toEqual({
      verdict: 'go',
      devices: [
        {
          device: NIC,
          permissive: true,
          record: {
            address: NIC,
            assignment: 'red',
            entry: 'lan',
            domain: { name: 'red', uuid: 'uuid-red' },
            deletionPolicy: 'Assignable',
            updatePolicy: 'Live',
            hostDriver: { name: 'e1000e', bootId: 'boot-1' },
          },
        },
      ],
    });
  });

  test('without a device that may be missing and that its definition does not name', () => {
    const may = assignment('red', 'red', [
      entry('lan', NIC, { whenMissing: 'Ignore' }),
      entry('path', '', { path: '00_1d.0/00_00.0' as PciPath, whenMissing: 'Ignore' }),
    ]);
    expect(decide({ hostdevs: [], desired: [may] })).toBe('go');
  });

  test('whatever stands in the manifest of another domain', () => {
    const desired = [assignment('blue', 'blue', [entry('gone', '0000:99:00.0')])];
    expect(decide({ hostdevs: [], desired })).toBe('go');
    expect(decide({ devices: [device(NIC, ASSIGNABLE)], desired: source([], { complete: false }) })).toBe('go');
  });

  test('with devices that nobody named, untouched', () => {
    const devices = [device(NIC, HOST), device(DISK, ASSIGNABLE)];
    expect(decide({ hostdevs: [foreign(NIC), foreign(DISK)], devices, desired: [] })).toBe('go');
    expect(decide({ hostdevs: [foreign('0000:99:00.0')], desired: [] })).toBe('go');
  });

  test('with what a suspended assignment names, as if nobody had named it', () => {
    const desired = [assignment('red', 'red', [entry('lan', NIC)], { suspend: true })];
    expect(decide({ hostdevs: [foreign(NIC)], devices: [device(NIC, HOST)], desired })).toBe('go');
  });

  test('with what it had before two entries named it', () => {
    const desired = [toRed, assignment('blue', 'blue', [entry('lan', NIC)])];
    expect(decide({ devices: [device(NIC, ASSIGNABLE)], desired })).toBe('go');
  });

  test('by its UUID, whatever its name is now', () => {
    const desired = [assignment('red', 'red', [entry('lan', NIC)], { domain: { uuid: 'uuid-red' } })];
    expect(decide({ more: { name: 'crimson' }, devices: [device(NIC, HOST)], desired })).toBe('go; bind 0000:01:00.0');
  });

  test('whatever is missing for another UUID', () => {
    const desired = [assignment('blue', 'red', [entry('lan', NIC)], { domain: { uuid: 'uuid-blue' } })];
    expect(decide({ hostdevs: [], desired })).toBe('go');
    expect(concernsStart(starting([]), source(desired))).toBe(false);
  });

  test('by its record where its manifest cannot be read, and is bound as that says', () => {
    const record = {
      address: address(NIC),
      assignment: 'red',
      entry: 'lan',
      domain: { name: 'red', uuid: 'uuid-red' },
      deletionPolicy: 'Assignable',
      updatePolicy: 'Live',
    } as const;
    const scene = { devices: [device(NIC, HOST)], held: new Map([[address(NIC), record]]) };
    expect(decide({ ...scene, desired: source([], { complete: false }) })).toBe('go; bind 0000:01:00.0');
    expect(decide({ ...scene, desired: source([]) })).toMatch(/^refuse: .*no manifest gives it to this domain/);
  });
});

describe('a start is refused', () => {
  test('when a device is missing, whether its definition names it or not', () => {
    const text = 'refuse: device 0000:01:00.0 is missing; put it back or remove it from /manifests/red.yaml:10';
    expect(decide({})).toBe(text);
    expect(decide({ hostdevs: [] })).toBe(text);
    expect(decide({ devices: [device(NIC, ASSIGNABLE, { present: false })] })).toBe(text);
  });

  test('when nothing is at a path, or nothing matches a selector', () => {
    const path = assignment('red', 'red', [entry('lan', '', { path: '00_1d.0/00_00.0' as PciPath })]);
    expect(decide({ hostdevs: [], desired: [path] })).toBe(
      'refuse: lan: there is no device at path 00_1d.0/00_00.0; put it back or remove the entry (/manifests/red.yaml:10)',
    );
    const selector = assignment('red', 'red', [entry('nics', '', { selector: { class: '0300' } })]);
    expect(decide({ hostdevs: [], desired: [selector] })).toMatch(/^refuse: nics: no device of this host matches/);
  });

  test('when the definition still has a device that may be missing: libvirt would fail without a word', () => {
    const may = assignment('red', 'red', [entry('lan', NIC, { whenMissing: 'Ignore' })]);
    expect(decide({ desired: [may] })).toMatch(
      /^refuse: device 0000:01:00.0 is missing and the definition still has it; xenpci reconcile --once removes it/,
    );
    expect(decide({ desired: [] })).toMatch(/missing and no manifest names it; remove it from the definition/);
  });

  test('when another card is in the slot, whether its definition names it or not', () => {
    const desired = [assignment('red', 'red', [entry('lan', NIC, { identity: { device: '1533' } })])];
    const text =
      'refuse: the device at 0000:01:00.0 is another one: device is 10d3, not 1533; edit identity to accept it (/manifests/red.yaml:10)';
    expect(decide({ devices: [device(NIC, ASSIGNABLE)], desired })).toBe(text);
    expect(decide({ hostdevs: [], devices: [device(NIC, HOST)], desired })).toBe(text);
  });

  test('when another guest has the device, ours or not: libvirt would reset it there', () => {
    const scene = { devices: [device(NIC, IN_BLUE)], domains: [blue] };
    const text =
      'refuse: blue (domain id 2) has 0000:01:00.0; detach it there (xl pci-detach 2 0000:01:00.0) or shut that domain down';
    expect(decide(scene)).toBe(text);
    expect(decide({ ...scene, hostdevs: [foreign(NIC)], desired: [] })).toBe(text);
  });

  test('when it would take from dom0 what dom0 uses', () => {
    const uses = [{ guard: 'DefaultRoute', text: 'the default route (IPv4) goes through eth0' }] as const;
    const scene = { devices: [device(NIC, HOST, { uses })], desired: source([toRed]) };
    expect(decide(scene)).toMatch(/^refuse: dom0 uses 0000:01:00.0: the default route/);
    expect(decide({ ...scene, hostdevs: [] })).toBe('go');
  });

  test('when a guard keeps a device that its definition has', () => {
    const policy: PCIHostPolicy = {
      apiVersion: 'xenpci.dev/v1alpha1',
      kind: 'PCIHostPolicy',
      metadata: { name: 'host' },
      spec: { protectedDevices: [{ address: address(NIC) }], allow: [], maxDetachesPerPass: 2, forceDetach: false },
    };
    const scene = { devices: [device(NIC, HOST)], desired: source([toRed], { policy }) };
    expect(decide(scene)).toMatch(/^refuse: 0000:01:00.0: .* is in protectedDevices/);
    expect(decide({ ...scene, hostdevs: [] })).toBe('go');
    expect(decide({ devices: [device(NIC, ASSIGNABLE)], more: { type: 'pvh' } })).toMatch(/^refuse: .* red is PVH/);
  });

  test('when a device is with dom0 and nothing allows to take it', () => {
    const devices = [device(NIC, HOST)];
    expect(decide({ devices, desired: [] })).toBe(
      'refuse: 0000:01:00.0 is with dom0 (driver e1000e) and no manifest gives it to this domain; remove it (virsh edit red)',
    );
    expect(decide({ devices, desired: source([], { complete: false }) })).toMatch(/not every manifest can be read/);
    const unsure = source([toRed], { complete: false, policyUnknown: true });
    expect(decide({ devices, desired: unsure })).toMatch(/may protect 0000:01:00.0; correct it/);
    const both = [toRed, assignment('blue', 'blue', [entry('lan', NIC)])];
    expect(decide({ devices, desired: both })).toMatch(/is not bound to pciback: 0000:01:00.0 is also named by blue/);
  });

  test('for one device, though others before it are ready', () => {
    const scene = {
      hostdevs: [ours(address(NIC)), ours(address(DISK))],
      devices: [device(NIC, ASSIGNABLE), device(DISK, IN_BLUE)],
      domains: [blue],
      desired: [assignment('red', 'red', [entry('lan', NIC), entry('data', DISK)])],
    };
    expect(decide(scene)).toMatch(/^refuse: blue \(domain id 2\) has 0000:02:00.0/);
    const free = [device(NIC, ASSIGNABLE), device(DISK, HOST)];
    expect(decide({ ...scene, devices: free })).toBe('go; ready 0000:01:00.0; bind 0000:02:00.0');
  });

  test('when another guest has the device, also beside its own stored definition, or as the only thing known', () => {
    const scene = { devices: [device(NIC, IN_BLUE)], domains: [domain('red'), blue] };
    expect(decide(scene)).toMatch(/^refuse: blue \(domain id 2\) has 0000:01:00.0/);
    const ghost: Place = { at: 'guest', domid: 9, domain: 'ghost' };
    expect(decide({ devices: [device(NIC, ghost)] })).toMatch(/^refuse: ghost \(domain id 9\) has 0000:01:00.0/);
  });

  test('without a word about suspensions that cannot be read, where no manifest names it', () => {
    const desired = source([], { suspensions: { unusable: 'the file is broken' } });
    expect(decide({ devices: [device(NIC, HOST)], desired })).toMatch(/no manifest gives it to this domain/);
  });

  test('at once, though it would have to wait for another device', () => {
    const scene = {
      hostdevs: [ours(address(NIC)), ours(address(DISK))],
      devices: [device(NIC, IN_BLUE, { settled: false })],
      domains: [blue],
      desired: [assignment('red', 'red', [entry('lan', NIC), entry('data', DISK)])],
    };
    expect(decide(scene)).toMatch(/^refuse: device 0000:02:00.0 is missing/);
  });
});

describe('a start waits', () => {
  test('for a guest that is letting go', () => {
    expect(decide({ devices: [device(NIC, IN_BLUE, { settled: false })], domains: [blue] })).toBe(
      'wait: blue has not let go of 0000:01:00.0 yet',
    );
  });

  test('for the end of its own earlier instance, as when it restarts', () => {
    const before = domain('red', { domid: 7, toolstack: 'xl' });
    const place: Place = { at: 'guest', domid: 7, domain: 'red' };
    expect(decide({ devices: [device(NIC, place)], domains: [before] })).toMatch(/^wait: red has not let go/);
  });
});

describe('a start with a device of dom0', () => {
  const onHost = [device(NIC, HOST)];
  const record = (name: string): Inventory =>
    new Map([[address(NIC), held(NIC, { domain: { name, uuid: `uuid-${name}` } })]]);

  test('is served also where the entry in the definition is not ours, but the manifest names it', () => {
    expect(decide({ hostdevs: [foreign(NIC)], devices: onHost })).toBe('go; bind 0000:01:00.0');
  });

  test('is served while a policy cannot be read, if we held the device before', () => {
    const unsure = source([toRed], { complete: false, policyUnknown: true });
    expect(decide({ devices: onHost, desired: unsure, held: record('red') })).toBe('go; bind 0000:01:00.0');
  });

  test('is refused where the record is for another domain, or dom0 has no driver for it, and says so', () => {
    const unsure = source([], { complete: false });
    const text = (driver: string) =>
      `refuse: 0000:01:00.0 is with dom0 (driver ${driver}) and not every manifest can be read; xenpci validate shows which`;
    expect(decide({ devices: onHost, desired: unsure, held: record('blue') })).toBe(text('e1000e'));
    const { driver: _, ...driverless } = device(NIC, HOST);
    expect(decide({ devices: [driverless], desired: unsure })).toBe(text('none'));
  });

  test('is refused with the reason that its assignment is suspended', () => {
    const asleep = (name: string) => assignment(name, name, [], { suspend: true });
    const { driver: _, ...driverless } = device(NIC, HOST);
    const desired = [asleep('blue'), assignment('awake', 'red', []), asleep('red')];
    expect(decide({ devices: [driverless], desired })).toBe(
      'refuse: 0000:01:00.0 is with dom0 (driver none), and nothing binds it to pciback: red: the assignment is suspended',
    );
    expect(decide({ devices: onHost, desired: [asleep('blue')] })).toMatch(/no manifest gives it to this domain/);
  });
});

test('a start with a device that is in conflict is judged by what libvirt can do, and one that has vanished is missing', () => {
  const may = assignment('red', 'red', [entry('lan', NIC, { whenMissing: 'Ignore' })]);
  const vanished = device(NIC, ASSIGNABLE, { present: false });
  expect(decide({ devices: [vanished], desired: [may] })).toMatch(/^refuse: device 0000:01:00.0 is missing/);
  const both = [toRed, assignment('blue', 'blue', [entry('lan', NIC)])];
  expect(decide({ devices: [device(NIC, ASSIGNABLE, { resetMethods: [] })], desired: both })).toBe('go');
  const asleep = assignment('red', 'red', [], { suspend: true });
  expect(decide({ devices: [device(NIC, HOST)], desired: [asleep] })).toContain(
    '(driver e1000e), and nothing binds it',
  );
});

test('what keeps a device from being taken is no matter once it is on pciback', () => {
  const world: Observed = {
    ...observed([device(NIC, ASSIGNABLE)], []),
    iommu: { state: 'unknown', why: 'xl info failed' },
  };
  expect(decideStart(starting([ours(address(NIC))]), world, source([toRed]), new Map()).verdict).toBe('go');
});

test('a domain without devices concerns nobody', () => {
  expect(concernsStart(starting([]), source([assignment('red', 'red', [], { suspend: true })]))).toBe(false);
  expect(concernsStart(starting([]), source([]))).toBe(false);
  expect(concernsStart(starting([]), source([assignment('blue', 'blue', [entry('lan', NIC)])]))).toBe(false);
  expect(concernsStart(starting([]), source([toRed]))).toBe(true);
  expect(concernsStart(starting([foreign(NIC)]), source([]))).toBe(true);
});
