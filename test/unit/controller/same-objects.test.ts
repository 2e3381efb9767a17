import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sameLook, sameManifests } from '../../../src/controller/same-objects.ts';
import { isSame } from '../../../src/plan/same.ts';
import { address, assignment, device, domain, entry, observed, source } from '../../world.ts';

const LAN = '0000:01:00.0';
const WAN = '0000:02:00.0';
const look = observed(
  [device(LAN, { at: 'host' }), device(WAN, { at: 'assignable' })],
  [domain('red'), domain('blue')],
);
const manifests = source([assignment('a', 'red', [entry('lan', LAN)]), assignment('b', 'blue', [entry('wan', WAN)])]);

describe('a look that shows the same as the one before', () => {
  test('has the very same devices and domains', () => {
    const again = sameLook(look, structuredClone(look));
    expect(again.devices).toBe(look.devices);
    expect(again.domains).toBe(look.domains);
  });

  test('has new objects for what has changed, and the same for the rest', () => {
    const after = structuredClone({
      ...look,
      devices: new Map(look.devices).set(address(WAN), device(WAN, { at: 'host' })),
      domains: [domain('green'), domain('blue'), domain('red', { domid: 3 })],
    });
    const again = sameLook(look, after);
    expect(again).toEqual(after);
    expect(again.devices.get(address(LAN))).toBe(look.devices.get(address(LAN)));
    expect(again.devices.get(address(WAN))?.place).toEqual({ at: 'host' });
    expect(again.domains[1]).toBe(look.domains[1]);
    expect(again.domains[2]?.domid).toBe(3);
  });

  test('has two domains of one UUID twice, as it was found', () => {
    const twice = { ...look, domains: [domain('red'), domain('red')] };
    const again = sameLook(twice, structuredClone(twice));
    expect(again).toEqual(twice);
    expect(again.domains[0]).not.toBe(again.domains[1]);
  });

  test('has the order that was found', () => {
    const turned = { ...look, domains: look.domains.toReversed() };
    expect(sameLook(look, structuredClone(turned)).domains.map(({ name }) => name)).toEqual(['blue', 'red']);
  });
});

test('manifests that say the same have the very same assignments; what else they say is what was read', () => {
  const edited = assignment('a', 'red', [entry('lan', LAN)], { suspend: true });
  const after = structuredClone({ ...manifests, assignments: manifests.assignments.with(0, edited), complete: false });
  const again = sameManifests(manifests, after);
  expect(again).toEqual(after);
  expect(again.assignments[0]).not.toBe(manifests.assignments[0]);
  expect(again.assignments[1]).toBe(manifests.assignments[1]);
  expect(sameManifests(manifests, structuredClone(manifests)).assignments).toBe(manifests.assignments);
});

describe('whether two values say the same', () => {
  test('is said of plain data as Node says it', () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const pair = fc.oneof(
      fc.tuple(value, value),
      value.map(each => [each, structuredClone(each)] as const),
    );
    fc.assert(fc.property(pair, ([a, b]) => isSame(a, b) === isDeepStrictEqual(a, b)));
  });

  test('minds fields that are there and undefined', () => {
    expect(isSame({ a: undefined }, { b: undefined })).toBe(false);
    expect(isSame({ a: undefined }, {})).toBe(false);
  });

  test('is never said of what is more than plain data', () => {
    expect(isSame(new Map([[1, 2]]), new Map([[1, 2]]))).toBe(false);
    expect(isSame(new Date(0), new Date(1))).toBe(false);
    expect(isSame([], {})).toBe(false);
    const map = new Map();
    expect(isSame({ map }, { map })).toBe(true);
  });
});
