import { describe, expect, test } from 'vitest';
import type { SourceSnapshot } from '../../../src/api/manifest.ts';
import type { PciPath } from '../../../src/api/path.ts';
import { isBridge } from '../../../src/plan/claims.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import type { DeviceUse, Observed, Place } from '../../../src/plan/observed.ts';
import { nextSteps, plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, held, observed, ours, policy, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const NIC2 = '0000:01:00.1';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const IN_BLUE: Place = { at: 'guest', domid: 2, domain: 'blue' };
const red = domain('red', { domid: 1, stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
const blue = domain('blue', { domid: 2 });
const toRed = assignment('red', 'red', [entry('lan', NIC)]);
const both = assignment('red', 'red', [entry('lan', NIC), entry('wan', NIC2)]);
const rootDisk: DeviceUse = { guard: 'MountedFilesystem', text: 'vda1 is mounted at /' };
const swap: DeviceUse = { guard: 'Swap', text: 'vda2 is swap' };

function inWords(world: Observed, desired = source([toRed])): string[] {
  const decided = plan(world, desired, new Map());
  const holds = [...decided.devices.values()].flatMap(({ hold }) => hold?.message ?? []);
  return [...planSteps(decided).map(stepText), ...holds];
}

describe('what dom0 uses', () => {
  const used = device(NIC, HOST, { uses: [rootDisk, swap] });

  test('stays with dom0, and out of the definitions', () => {
    expect(inWords(observed([used], [{ ...red, stored: { hostdevs: [], passthrough: true } }]))).toEqual([
      'dom0 uses 0000:01:00.0: vda1 is mounted at /; unmount it, or switch MountedFilesystem off in PCIHostPolicy',
    ]);
  });

  test('is refused as long as one of its guards is in force', () => {
    const world = observed([used], [red]);
    expect(inWords(world, source([toRed], { policy: policy({ allow: ['MountedFilesystem'] }) }))).toEqual([
      'dom0 uses 0000:01:00.0: vda2 is swap; switch it off with swapoff, or switch Swap off in PCIHostPolicy',
    ]);
    const decided = plan(
      world,
      source([toRed], { policy: policy({ allow: ['MountedFilesystem', 'Swap'] }) }),
      new Map(),
    );
    expect(planSteps(decided)).toEqual([
      expect.objectContaining({ verb: 'bind', device: NIC, allow: ['MountedFilesystem', 'Swap'] }),
      expect.objectContaining({ verb: 'attach', device: NIC }),
    ]);
  });

  test('is in place where the host is its place: the guard speaks when it is to be taken', () => {
    const waiting = assignment('red', 'red', [entry('lan', NIC)], { whenStopped: 'Host' });
    expect(inWords(observed([used], [domain('red')]), source([waiting]))).toEqual([]);
  });

  test('keeps its entry in a definition that has it already', () => {
    const stopped = domain('red', { stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
    expect(inWords(observed([used], [stopped]))).toEqual([expect.stringMatching(/^dom0 uses/)]);
  });
});

describe('without an IOMMU', () => {
  const world = observed([device(NIC, HOST)], [red]);

  test('nothing is taken', () => {
    expect(inWords({ ...world, iommu: { state: 'absent' } })).toEqual([
      'Xen has no IOMMU to use; switch VT-d or AMD-Vi on in the firmware, and do not start Xen with iommu=off',
    ]);
  });

  test('a device leaves a guest as it would with one, and goes into no other', () => {
    const inBlue = { ...blue, live: [ours(address(NIC))] };
    const absent = { ...observed([device(NIC, IN_BLUE)], [red, inBlue]), iommu: { state: 'absent' } as const };
    expect(inWords(absent)).toEqual([expect.stringMatching(/^Xen has no IOMMU/)]);
    const stopped = domain('red', { stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
    expect(inWords({ ...absent, domains: [stopped, inBlue] })).toEqual(['detach 0000:01:00.0 from blue']);
  });

  test('that it is not known is no reason to take anything, nor to take it away', () => {
    const unknown = { ...world, iommu: { state: 'unknown', why: 'xl info failed' } as const };
    expect(inWords(unknown)).toEqual([
      expect.stringMatching(/^whether Xen has an IOMMU is not known: xl info failed;/),
    ]);
    expect(inWords({ ...unknown, devices: observed([device(NIC, IN_RED)], []).devices })).toEqual([]);
  });
});

describe('a dead device', () => {
  const dead = 'its config space reads all ones';
  const text = `${NIC} does not answer: ${dead}; reset or replace it, or restart the host`;

  test.each([HOST, ASSIGNABLE])('is given to nobody from %j', place => {
    expect(inWords(observed([device(NIC, place, { dead })], [red]))).toEqual([text]);
  });

  test('stays with the guest that is to have it, which says why it is not ready', () => {
    expect(inWords(observed([device(NIC, IN_RED, { dead })], [red]))).toEqual([text]);
  });

  test('leaves the guest that is not to have it, and goes no further', () => {
    const world = observed([device(NIC, IN_BLUE, { dead })], [red, { ...blue, live: [ours(address(NIC))] }]);
    expect(inWords(world)).toEqual(['detach 0000:01:00.0 from blue', text]);
  });
});

describe('functions of one slot', () => {
  const split = (other: string, owner: string): string =>
    `${other === NIC2 ? NIC : NIC2} and ${other} are functions of one slot, and ${owner} has that one; give both to one domain, or switch SharedSlot off in PCIHostPolicy`;

  test('go together', () => {
    expect(inWords(observed([device(NIC, HOST), device(NIC2, HOST)], [red]), source([both]))).toEqual([
      'configure red: add 0000:01:00.1',
      'bind 0000:01:00.0 to pciback',
      'attach 0000:01:00.0 to red',
      'bind 0000:01:00.1 to pciback',
      'attach 0000:01:00.1 to red',
    ]);
  });

  test('are not split between dom0 and a guest, unless nobody has the other or it is allowed', () => {
    const world = observed([device(NIC, HOST), device(NIC2, HOST)], [red]);
    expect(inWords(world)).toEqual([split(NIC2, 'dom0')]);
    expect(inWords(world, source([toRed], { policy: policy({ allow: ['SharedSlot'] }) }))).toHaveLength(2);
    const { driver: _, ...idle } = device(NIC2, HOST);
    expect(inWords(observed([device(NIC, HOST), idle], [red]))).toHaveLength(2);
  });

  test('are not split between guests: neither moves', () => {
    const other = assignment('blue', 'blue', [entry('wan', NIC2)]);
    const world = observed([device(NIC, HOST), device(NIC2, HOST)], [red, blue]);
    expect(inWords(world, source([toRed, other]))).toEqual([split(NIC2, 'blue'), split(NIC, 'red')]);
  });

  test('keep each other back when one of them is refused', () => {
    const world = observed([device(NIC, HOST), device(NIC2, HOST, { uses: [rootDisk] })], [red]);
    expect(inWords(world, source([both]))).toEqual([split(NIC2, 'dom0'), expect.stringMatching(/^dom0 uses/)]);
  });

  test('wait on pciback for one that another guest still has, also when it may not be let go of yet', () => {
    const theirs = { ...blue, live: [ours(address(NIC)), ours(address(NIC2))] };
    const ready = { ...red, stored: { hostdevs: [ours(address(NIC)), ours(address(NIC2))], passthrough: true } };
    const isTheirs = (text: string): HeldDevice => held(text, { domain: { name: 'blue', uuid: 'uuid-blue' } });
    const record: Inventory = new Map([NIC, NIC2].map(text => [address(text), isTheirs(text)]));
    const away = (from: string, to: string): string =>
      `SlotInUse: ${to} goes to red together with ${from}, and blue still has ${from}`;
    const decided = (places: readonly Place[], desired: SourceSnapshot): string[] => {
      const devices = [NIC, NIC2].map((text, index) => device(text, places[index] ?? HOST));
      const found = plan(observed(devices, [ready, theirs]), desired, record);
      const holds = [...found.devices.values()].flatMap(({ hold }) => (hold ? `${hold.reason}: ${hold.message}` : []));
      return [...nextSteps(found).map(stepText), ...holds];
    };
    expect(decided([ASSIGNABLE, IN_BLUE], source([both]))).toEqual([`detach ${NIC2} from blue`, away(NIC2, NIC)]);
    expect(decided([IN_BLUE, IN_BLUE], source([both]))).toEqual([
      `detach ${NIC} from blue`,
      `detach ${NIC2} from blue`,
      away(NIC2, NIC),
      away(NIC, NIC2),
    ]);
    const asked = source([both], { policy: policy({ maxDetachesPerPass: 0 }) });
    expect(decided([HOST, IN_BLUE], asked)).toEqual([
      `bind ${NIC} to pciback`,
      away(NIC2, NIC),
      expect.stringMatching(/^NeedsApproval/),
    ]);
    expect(decided([ASSIGNABLE, IN_BLUE], asked)[0]).toBe(away(NIC2, NIC));
    const split = source([both], { policy: policy({ allow: ['SharedSlot'] }) });
    expect(decided([ASSIGNABLE, IN_BLUE], split)[0]).toContain(`attach ${NIC} to red`);
  });

  test('that are split already stay where they are', () => {
    const world = observed([device(NIC, IN_RED), device(NIC2, HOST)], [red]);
    expect(inWords(world)).toEqual([]);
  });

  test('are no matter for virtual functions and bridges', () => {
    const bridge = { identity: { vendor: '8086', device: '10d3', class: '0601' } };
    for (const more of [bridge, { virtual: true } as const, { present: false }]) {
      expect(inWords(observed([device(NIC, HOST), device(NIC2, HOST, more)], [red]))).toHaveLength(2);
    }
    const virtual = device(NIC, HOST, { virtual: true });
    expect(inWords(observed([virtual, device(NIC2, HOST)], [red]))).toHaveLength(2);
  });
});

describe('functions of one slot, of which one is elsewhere', () => {
  const NIC_GOES = [`bind ${NIC} to pciback`, `attach ${NIC} to red`];

  test('are split only where that very guard is switched off', () => {
    const world = observed([device(NIC, HOST), device(NIC2, HOST)], [red]);
    const desired = source([toRed], { policy: policy({ allow: ['NoReset', 'Swap'] }) });
    expect(inWords(world, desired)).toEqual([expect.stringContaining('are functions of one slot')]);
  });

  test('are not split from one that a guest has of which nothing else is known', () => {
    const world = observed([device(NIC, HOST), device(NIC2, { at: 'guest', domid: 9, domain: 'ghost' })], [red]);
    expect(inWords(world)).toEqual([expect.stringContaining('ghost has that one')]);
  });

  test('do not wait for a claim on the free one that is refused: nobody gets that one', () => {
    const other = assignment('blue', 'blue', [entry('wan', NIC2, { identity: { device: 'ffff' } })]);
    const world = observed([device(NIC, HOST), device(NIC2, ASSIGNABLE)], [red, blue]);
    expect(inWords(world, source([toRed, other]))).toEqual([
      ...NIC_GOES,
      expect.stringMatching(/^the device at 0000:01:00.1 is another one/),
    ]);
  });

  test('have all their steps in the plan while the other one is let go of, and end on pciback while it is not', () => {
    const theirs = { ...blue, live: [ours(address(NIC2))] };
    const ready = { ...red, stored: { hostdevs: [ours(address(NIC)), ours(address(NIC2))], passthrough: true } };
    const world = observed([device(NIC, HOST), device(NIC2, IN_BLUE)], [ready, theirs]);
    const record: Inventory = new Map([[address(NIC2), held(NIC2, { domain: { name: 'blue', uuid: 'uuid-blue' } })]]);
    const decided = (maxDetachesPerPass: number): unknown[] => {
      const found = plan(world, source([both], { policy: policy({ maxDetachesPerPass }) }), record);
      return [found.devices.get(address(NIC))?.want, ...planSteps(found).map(stepText)];
    };
    expect(decided(1)).toEqual([IN_RED, ...NIC_GOES, `detach ${NIC2} from blue`, `attach ${NIC2} to red`]);
    expect(decided(0)).toEqual([ASSIGNABLE, `bind ${NIC} to pciback`]);
  });
});

test('what is protected is the device that is named, by address or by path, and no other one', () => {
  const other = device('0000:02:00.0', HOST);
  for (const item of [{ address: other.address }, { path: other.path }]) {
    const desired = source([toRed], { policy: policy({ protectedDevices: [item] }) });
    expect(inWords(observed([device(NIC, HOST), other], [red]), desired)).toEqual([
      `bind ${NIC} to pciback`,
      `attach ${NIC} to red`,
    ]);
  }
});

test('a device that says nothing of its class is no bridge', () => {
  expect(isBridge(device(NIC, HOST, { identity: { vendor: '8086', device: '10d3' } }))).toBe(false);
});

describe('devices that can only be reset together', () => {
  const path = (text: string): { path: PciPath } => ({ path: text as PciPath });
  const onBus = (resetMethods: string[]) =>
    observed(
      [
        device(NIC, HOST, { ...path('00_1e.0/00_00.0'), resetMethods }),
        device('0000:01:01.0', HOST, path('00_1e.0/00_01.0')),
      ],
      [red],
    );

  test('are not split between owners', () => {
    const resets = 'can only be reset together with 0000:01:01.0, and dom0 has that one';
    expect(inWords(onBus(['bus']))).toEqual([expect.stringContaining(resets)]);
    expect(inWords(onBus(['flr', 'bus']))).toHaveLength(2);
  });

  test('are those of one bus, not of the next one', () => {
    const alone = device(NIC, HOST, { ...path('00_1e.0/00_00.0'), resetMethods: ['bus'] });
    const next = device('0000:02:00.0', HOST, { ...path('00_1f.0/00_00.0'), resetMethods: ['bus'] });
    expect(inWords(observed([alone, next], [red]))).toHaveLength(2);
  });

  test('are none on a root bus, which has no bridge that could reset it', () => {
    const first = device(NIC, HOST, { ...path('00_01.0'), resetMethods: ['bus'] });
    const second = device('0000:01:01.0', HOST, path('00_02.0'));
    expect(inWords(observed([first, second], [red]))).toHaveLength(2);
  });
});
