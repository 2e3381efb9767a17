import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SourcedAssignment } from '../../src/api/manifest.ts';
import type { HostdevEntry, Observed, Place } from '../../src/plan/observed.ts';
import { decideStart, type StartingDomain } from '../../src/plan/start.ts';
import { address, assignment, device, domain, entry, observed, ours, source } from '../world.ts';

const DEVICES = ['0000:01:00.0', '0000:02:00.0', '0000:03:00.0'] as const;
/** domid 1: an earlier instance of the starting domain. */
const HOLDERS = [domain('red', { domid: 1 }), domain('blue', { domid: 2 })];

const placeArb = fc.constantFrom<Place>(
  { at: 'host' },
  { at: 'assignable' },
  { at: 'guest', domid: 1, domain: 'red' },
  { at: 'guest', domid: 2, domain: 'blue' },
);

const worldArb: fc.Arbitrary<Observed> = fc
  .tuple(
    ...DEVICES.map(text =>
      fc
        .record({ place: placeArb, present: fc.boolean(), settled: fc.boolean(), resettable: fc.boolean() })
        .map(({ place, present, settled, resettable }) =>
          device(text, place, { present, settled, resetMethods: resettable ? ['flr'] : [] }),
        ),
    ),
  )
  .map(devices => observed(devices, HOLDERS));

const startingArb: fc.Arbitrary<StartingDomain> = fc
  .tuple(
    fc.subarray([...DEVICES]),
    fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    fc.constantFrom('pv', 'hvm', 'pvh' as const),
  )
  .map(([texts, marks, type]) => ({
    name: 'red',
    uuid: 'uuid-red',
    type,
    hostdevs: texts.map((text, index): HostdevEntry => {
      const { alias: _, ...foreign } = ours(address(text));
      return marks[index] === true ? ours(address(text)) : foreign;
    }),
  }));

const assignmentArb = (name: string, to: string): fc.Arbitrary<SourcedAssignment> =>
  fc
    .tuple(
      fc.subarray([...DEVICES]),
      fc.constantFrom('Fail', 'Ignore' as const),
      fc.constantFrom(undefined, '10d3', 'ffff'),
      fc.boolean(),
    )
    .map(([texts, whenMissing, id, suspend]) => {
      const identity = id === undefined ? {} : { identity: { device: id } };
      return assignment(
        name,
        to,
        texts.map(text => entry(`d${text.slice(5, 7)}`, text, { whenMissing, ...identity })),
        { suspend },
      );
    });

const sourceArb = fc
  .tuple(assignmentArb('red', 'red'), assignmentArb('blue', 'blue'), fc.boolean())
  .map(([red, blue, complete]) => source([red, blue], { complete }));

const runs = { numRuns: 10_000 };

describe('laws of a start', () => {
  test('only what its definition and its own manifest both have is touched', () => {
    fc.assert(
      fc.property(startingArb, worldArb, sourceArb, (starting, world, desired) => {
        const decision = decideStart(starting, world, desired, new Map());
        if (decision.verdict !== 'go') return;
        const [red] = desired.assignments;
        const named = new Set(red?.assignment.spec.devices.map(found => found.address));
        const defined = new Set(starting.hostdevs.map(found => found.address));
        for (const { device: at } of decision.devices) expect(named.has(at) && defined.has(at)).toBe(true);
      }),
      runs,
    );
  });

  test('it never goes on with a device that a guest has, nor with one of ours that libvirt would refuse', () => {
    fc.assert(
      fc.property(startingArb, worldArb, sourceArb, (starting, world, desired) => {
        const decision = decideStart(starting, world, desired, new Map());
        if (decision.verdict !== 'go') return;
        const bound = new Set(decision.devices.flatMap(({ device: at, record }) => (record === undefined ? [] : [at])));
        for (const hostdev of starting.hostdevs) {
          const found = world.devices.get(hostdev.address);
          expect(found?.place.at).not.toBe('guest');
          if (hostdev.alias === undefined) continue;
          expect(found?.present).toBe(true);
          expect(found?.place.at === 'assignable' || bound.has(hostdev.address)).toBe(true);
        }
      }),
      runs,
    );
  });

  test('what it does is done once: with all of it done it goes on, and binds nothing more', () => {
    fc.assert(
      fc.property(startingArb, worldArb, sourceArb, (starting, world, desired) => {
        const decision = decideStart(starting, world, desired, new Map());
        if (decision.verdict !== 'go') return;
        const devices = new Map(world.devices);
        for (const { device: at } of decision.devices) {
          const found = devices.get(at);
          if (found !== undefined) devices.set(at, { ...found, place: { at: 'assignable' }, driver: 'pciback' });
        }
        const again = decideStart(starting, { ...world, devices }, desired, new Map());
        expect(again.verdict).toBe('go');
        if (again.verdict === 'go') expect(again.devices.every(({ record }) => record === undefined)).toBe(true);
      }),
      runs,
    );
  });

  test('a manifest of another domain that names none of its devices makes no difference', () => {
    fc.assert(
      fc.property(startingArb, worldArb, sourceArb, fc.boolean(), (starting, world, desired, missing) => {
        const [red] = desired.assignments;
        const alone = source(red === undefined ? [] : [red], { complete: true });
        const other = assignment('other', 'other', [entry('x', missing ? '0000:99:00.0' : '0000:0a:00.0')]);
        const both = source([...alone.assignments, other], { complete: true });
        expect(decideStart(starting, world, both, new Map())).toEqual(decideStart(starting, world, alone, new Map()));
      }),
      runs,
    );
  });

  test('a domain without devices and without a manifest starts', () => {
    fc.assert(
      fc.property(worldArb, assignmentArb('blue', 'blue'), fc.boolean(), (world, blue, complete) => {
        const starting = { name: 'red', uuid: 'uuid-red', type: 'pv', hostdevs: [] } as const;
        expect(decideStart(starting, world, source([blue], { complete }), new Map())).toEqual({
          verdict: 'go',
          devices: [],
        });
      }),
      runs,
    );
  });

  test('every refusal and every wait is one sentence', () => {
    fc.assert(
      fc.property(startingArb, worldArb, sourceArb, (starting, world, desired) => {
        const decision = decideStart(starting, world, desired, new Map());
        if (decision.verdict !== 'go') expect(decision.message).toMatch(/^[^\n]{10,300}$/);
      }),
      runs,
    );
  });
});
