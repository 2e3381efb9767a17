/** What the stored definition of a domain is to have, and what stays in it. */
import { describe, expect, test } from 'vitest';
import { askedBy } from '../../../src/plan/asked-by.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import type { ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { type Plan, plan } from '../../../src/plan/plan.ts';
import { type ConfigureStep, stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, held, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';
const ASSIGNABLE: Place = { at: 'assignable' };
const EMPTY = domain('red');
const FULL = domain('red', { stored: { hostdevs: [ours(address(NIC))], passthrough: true } });

function decide(
  wanted: ReturnType<typeof source>,
  domains: readonly ObservedDomain[] = [EMPTY],
  devices: readonly ObservedDevice[] = [device(NIC, ASSIGNABLE)],
  inventory: Inventory = new Map(),
): Plan {
  return plan(observed(devices, domains), wanted, inventory);
}

function configures(decided: Plan): string[] {
  return [...decided.configures.values()].map(stepText);
}

function record(more: Partial<HeldDevice> = {}): Inventory {
  return new Map([[address(NIC), held(NIC, more)]]);
}

describe('a stored definition gets', () => {
  test('a device of its own that may be missing: it is there, so the domain is to start with it', () => {
    const may = source([assignment('red', 'red', [entry('lan', NIC, { whenMissing: 'Ignore' })])]);
    expect(configures(decide(may))).toEqual([`configure red: add ${NIC}`]);
  });

  test('no device that is dead', () => {
    const wanted = source([assignment('red', 'red', [entry('lan', NIC)])]);
    expect(configures(decide(wanted, [EMPTY], [device(NIC, ASSIGNABLE, { dead: 'it is silent' })]))).toEqual([]);
  });

  test('its devices in the order of their addresses, however they are written', () => {
    const wanted = source([assignment('red', 'red', [entry('disk', DISK), entry('lan', NIC)])]);
    const devices = [device(DISK, ASSIGNABLE), device(NIC, ASSIGNABLE)];
    expect(configures(decide(wanted, [EMPTY], devices))).toEqual([`configure red: add ${NIC}, add ${DISK}`]);
  });
});

describe('an entry of ours that nobody names any more', () => {
  test('goes when we held the device', () => {
    expect(configures(decide(source([]), [FULL], undefined, record()))).toEqual([`configure red: remove ${NIC}`]);
  });

  test.each<readonly [string, Parameters<typeof decide>[0], Inventory]>([
    ['nobody knows how it came there', source([]), new Map()],
    ['it was to stay wherever it is', source([]), record({ deletionPolicy: 'Orphan' })],
    ['a manifest cannot be read', source([], { complete: false }), record()],
  ])('stays when %s', (_why, wanted, inventory) => {
    expect(configures(decide(wanted, [FULL], undefined, inventory))).toEqual([]);
  });
});

describe('two entries for domains that do not exist yet', () => {
  const shared = { sharing: 'FirstStarted' } as const;
  const named = (name: string, spec: Parameters<typeof assignment>[3] = {}) =>
    assignment(name, name, [entry('lan', NIC, shared)], spec);
  const conflicts = (decided: Plan): number =>
    decided.entries.flatMap(({ claims }) => claims).filter(({ conflict }) => conflict !== undefined).length;

  test('take turns when they are for different ones, by name or by uuid', () => {
    expect(conflicts(decide(source([named('blue'), named('green')]), []))).toBe(0);
    const byUuid = [named('a', { domain: { uuid: 'uuid-1' } }), named('b', { domain: { uuid: 'uuid-2' } })];
    expect(conflicts(decide(source(byUuid), []))).toBe(0);
  });

  test('are a conflict when they are for the same one, by name or by uuid', () => {
    const byName = [named('a', { domain: { name: 'blue' } }), named('b', { domain: { name: 'blue' } })];
    expect(conflicts(decide(source(byName), []))).toBe(2);
    const byUuid = [named('a', { domain: { uuid: 'uuid-1' } }), named('b', { domain: { uuid: 'uuid-1' } })];
    expect(conflicts(decide(source(byUuid), []))).toBe(2);
  });
});

describe('who asked for a change of a definition', () => {
  test('the entries of that domain alone, also where it goes by its uuid', () => {
    const byUuid = assignment('red', 'red', [entry('lan', NIC)], { domain: { uuid: 'uuid-red' } });
    const other = assignment('blue', 'blue', [entry('disk', DISK)]);
    const devices = [device(NIC, ASSIGNABLE), device(DISK, ASSIGNABLE)];
    const decided = decide(source([byUuid, other]), [EMPTY, domain('blue')], devices);
    const asked = [...decided.configures.values()].map((step: ConfigureStep) =>
      askedBy(step, decided, new Map()).map(asker => `${step.domain.name}: ${asker.assignment}/${asker.entry}`),
    );
    expect(asked.flat().sort()).toEqual(['blue: blue/disk', 'red: red/lan']);
  });
});

describe('the record of what dom0 had a device for', () => {
  const wanted = source([assignment('red', 'red', [entry('lan', NIC)])]);
  const hostDriver = (decided: Plan): HeldDevice['hostDriver'] => decided.inventory.get(address(NIC))?.hostDriver;
  const before = record({ hostDriver: { name: 'e1000e', bootId: 'boot-0' } });

  test('is made while dom0 has it, and kept while dom0 has not', () => {
    expect(hostDriver(decide(wanted, [EMPTY], [device(NIC, { at: 'host' })]))).toEqual({
      name: 'e1000e',
      bootId: 'boot-1',
    });
    expect(hostDriver(decide(wanted, [EMPTY], [device(NIC, ASSIGNABLE)], before))?.name).toBe('e1000e');
    const driverless = device(NIC, { at: 'host' }, { driver: undefined as never });
    expect(hostDriver(decide(wanted, [EMPTY], [driverless], before))?.name).toBe('e1000e');
  });

  test('keeps the boot in which it was first seen, and follows another driver', () => {
    expect(hostDriver(decide(wanted, [EMPTY], [device(NIC, { at: 'host' })], before))?.bootId).toBe('boot-0');
    const other = device(NIC, { at: 'host' }, { driver: 'vfio' });
    expect(hostDriver(decide(wanted, [EMPTY], [other], before))).toEqual({ name: 'vfio', bootId: 'boot-1' });
  });
});
