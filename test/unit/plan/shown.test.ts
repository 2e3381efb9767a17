/** What is shown of devices and never acted upon: orphans, and guards before anything is asked for. */
import { describe, expect, test } from 'vitest';
import type { Claim } from '../../../src/plan/claims.ts';
import { standingGuards } from '../../../src/plan/guards.ts';
import type { HeldDevice } from '../../../src/plan/inventory.ts';
import type { ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { isOrphan } from '../../../src/plan/orphan.ts';
import { plan } from '../../../src/plan/plan.ts';
import { standingSplit } from '../../../src/plan/shared-slot.ts';
import { address, assignment, device, domain, entry, held, observed, ours, policy, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const OTHER = '0000:02:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };

describe('an orphan', () => {
  function orphaned(
    found: ObservedDevice,
    domains: readonly ObservedDomain[] = [],
    wanted = source([]),
    records: readonly HeldDevice[] = [],
  ): boolean {
    const world = observed([found], domains);
    return isOrphan(found, plan(world, wanted, new Map(records.map(record => [record.address, record]))), world);
  }
  const stored = (text: string): ObservedDomain =>
    domain('blue', { stored: { hostdevs: [ours(address(text))], passthrough: true } });

  test('is on pciback and wanted by nobody', () => {
    expect(orphaned(device(NIC, ASSIGNABLE))).toBe(true);
    expect(orphaned(device(NIC, ASSIGNABLE), [domain('red'), stored(OTHER)])).toBe(true);
    const { stored: _, ...transient } = domain('red', { domid: 1 });
    expect(orphaned(device(NIC, ASSIGNABLE), [transient])).toBe(true);
  });

  test('is none when dom0 or a guest has it, or when it is gone from the bus', () => {
    expect(orphaned(device(NIC, HOST))).toBe(false);
    expect(orphaned(device(NIC, IN_RED))).toBe(false);
    expect(orphaned(device(NIC, ASSIGNABLE, { present: false }))).toBe(false);
  });

  test('is none when an entry, a record or any stored definition names it', () => {
    expect(orphaned(device(NIC, ASSIGNABLE), [], source([assignment('red', 'red', [entry('lan', NIC)])]))).toBe(false);
    expect(orphaned(device(NIC, ASSIGNABLE), [stored(NIC), domain('red')])).toBe(false);
    expect(orphaned(device(NIC, ASSIGNABLE), [], source([], { complete: false }), [held(NIC)])).toBe(false);
  });
});

describe('guards before anything is asked for', () => {
  const claimOf = (more: Parameters<typeof entry>[2]): Claim | undefined => {
    const world = observed([device(NIC, HOST)], []);
    const { entries } = plan(world, source([assignment('red', 'red', [entry('lan', NIC, more)])]), new Map());
    return entries[0]?.claims[0];
  };
  function reasons(found: ObservedDevice, claim?: Claim, desired = source([])): string[] {
    return standingGuards(found, claim, { observed: observed([found], []), source: desired }).map(
      ({ reason }) => reason,
    );
  }

  test('are none for a device that may be taken', () => {
    expect(reasons(device(NIC, HOST))).toEqual([]);
  });

  test('tell what dom0 does with it while dom0 has it', () => {
    const uses = [{ guard: 'Swap', text: 'sda1 is swap' } as const];
    expect(reasons(device(NIC, HOST, { uses }))).toEqual(['Swap']);
    expect(reasons(device(NIC, ASSIGNABLE, { uses }))).toEqual([]);
  });

  test('tell that it cannot be reset, as an entry without a word about it would have it', () => {
    const bare = device(NIC, HOST, { resetMethods: [] });
    expect(reasons(bare)).toEqual(['NoReset']);
    expect(reasons(bare, claimOf({ reset: 'BestEffort' }))).toEqual([]);
    expect(reasons(bare, claimOf({ reset: 'Strict' }))).toEqual(['NoReset']);
  });

  test('tell of a bridge only that it is one', () => {
    const bridge = device(NIC, HOST, {
      identity: { vendor: '8086', device: '0001', class: '0604' },
      resetMethods: [],
    });
    expect(reasons(bridge)).toEqual(['Bridge']);
  });

  test('compare the card with what an entry expects, where one does', () => {
    const other = { vendor: '10de', device: '1c03', class: '0300' };
    expect(reasons(device(NIC, HOST, { identity: other }), claimOf({ identity: { vendor: '8086' } }))).toEqual([
      'IdentityMismatch',
    ]);
    expect(reasons(device(NIC, HOST, { identity: other }))).toEqual([]);
  });

  test('come together, in order', () => {
    const found = device(NIC, HOST, { dead: 'its config space reads all ones', resetMethods: [] });
    const desired = source([], { policy: policy({ protectedDevices: [{ address: address(NIC) }] }) });
    expect(reasons(found, undefined, desired)).toEqual(['Protected', 'DeviceDead', 'NoReset']);
  });
});

describe('a device that shares a slot, before anything is asked for', () => {
  const FIRST = '0000:01:00.0';
  const SECOND = '0000:01:00.1';
  const red = domain('red', { domid: 1 });
  const blue = domain('blue', { domid: 2 });
  const inBlue: Place = { at: 'guest', domid: 2, domain: 'blue' };
  const toRed = (name: string, text: string) => assignment(name, 'red', [entry('card', text)]);

  function split(other: ObservedDevice | undefined, wanted: ReturnType<typeof assignment>[] = []): string | undefined {
    const devices = [device(FIRST, HOST), ...(other === undefined ? [] : [other])];
    const situation = { observed: observed(devices, [red, blue]), source: source(wanted) };
    const claims = plan(situation.observed, situation.source, new Map()).entries.flatMap(each => each.claims);
    return standingSplit(address(FIRST), claims, situation)?.message;
  }

  test('is told whose the other function is', () => {
    expect(split(device(SECOND, HOST))).toContain('dom0');
    expect(split(device(SECOND, inBlue))).toContain('blue');
    expect(split(device(SECOND, inBlue), [toRed('red', FIRST)])).toContain('blue');
  });

  test('is told nothing when there is no other, or nobody has it', () => {
    expect(split(undefined)).toBeUndefined();
    expect(split(device('0000:02:00.0', HOST))).toBeUndefined();
    expect(split(device(SECOND, ASSIGNABLE))).toBeUndefined();
  });

  test('is told nothing when both are for one domain, and something when one of them is not', () => {
    expect(split(device(SECOND, HOST), [toRed('red', FIRST), toRed('more', SECOND)])).toBeUndefined();
    const aside = assignment('aside', 'blue', [entry('card', OTHER)]);
    expect(split(device(SECOND, HOST), [toRed('red', FIRST), aside, toRed('more', SECOND)])).toBeUndefined();
    const toBlue = assignment('blue', 'blue', [entry('card', SECOND)]);
    expect(split(device(SECOND, inBlue), [toRed('red', FIRST), toBlue])).toContain('blue');
  });

  test('is not told of a device that is not there', () => {
    const situation = { observed: observed([device(SECOND, HOST)], []), source: source([]) };
    expect(standingSplit(address(FIRST), [], situation)).toBeUndefined();
  });
});
