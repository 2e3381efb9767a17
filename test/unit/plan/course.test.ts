/** How a host comes to rest by its plan, and by what two rests differ. */
import { describe, expect, test } from 'vitest';
import { type Course, follow } from '../../../src/plan/course.ts';
import { wait } from '../../../src/plan/hold.ts';
import type { HostdevEntry, ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { deviceDifferences } from '../../../src/plan/reversible-devices.ts';
import { domainDifferences } from '../../../src/plan/reversible-domains.ts';
import { NO_STANDING } from '../../../src/plan/standing.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, observed, ours, source } from '../../world.ts';

const AT = address('0000:01:00.0');
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };

/** A host at rest with one device, and why that waits there, if it does. */
function rest(found: ObservedDevice, waits?: string): Course {
  const hold = waits === undefined ? {} : { hold: wait('Settling', waits) };
  const seen = observed([found], []);
  const devices = new Map([[AT, { address: AT, claims: [], others: [], steps: [], ...hold }]]);
  const plan = { entries: [], devices, configures: new Map(), foreign: new Map(), inventory: new Map() };
  return { stages: [], steps: [], end: { observed: seen, inventory: new Map(), plan } };
}

const differences = (home: Course, found: Course): string[] =>
  deviceDifferences(home, found).map(({ message }) => message);

describe('the course of a host', () => {
  const from = { observed: observed([device(AT, HOST)], [domain('red', { domid: 1 })]), inventory: new Map() };

  test('has no step where nothing is wanted', () => {
    const { stages, steps } = follow(from, source([]), NO_STANDING);
    expect(steps).toEqual([]);
    expect(stages).toEqual([from]);
  });

  test('has each step once, and ends where the manifests want it', () => {
    const { steps, end } = follow(from, source([assignment('red', 'red', [entry('lan', AT)])]), NO_STANDING);
    expect(steps.map(stepText)).toEqual([`configure red: add ${AT}`, `bind ${AT} to pciback`, `attach ${AT} to red`]);
    expect(end.observed.devices.get(AT)?.place).toEqual(IN_RED);
  });
});

describe('two rests of a device differ', () => {
  const { driver: _, ...bare } = device(AT, HOST);

  test('by the driver of the host, none included; in a guest that is no matter', () => {
    const home = rest(device(AT, HOST));
    const on = (driver: string): string => `would come back to the host on ${driver}, and is now on e1000e`;
    expect(differences(home, rest(device(AT, HOST, { driver: 'vfio-pci' })))).toEqual([on('driver vfio-pci')]);
    expect(differences(home, rest(bare))).toEqual([on('driver none')]);
    expect(differences(home, home)).toEqual([]);
    expect(differences(rest(device(AT, IN_RED)), rest(device(AT, IN_RED, { driver: 'e1000e' })))).toEqual([]);
  });

  test('by its place; a word about deletionPolicy is for one that stays on pciback', () => {
    const home = rest(device(AT, HOST));
    expect(differences(home, rest(device(AT, ASSIGNABLE)))[0]).toContain('say deletionPolicy: Host');
    expect(differences(home, rest(device(AT, IN_RED)))).toEqual(['would not come back to host, but be guest red']);
  });

  test('by permissive, in the view of the toolstack or in that of pciback', () => {
    const plain = rest(device(AT, IN_RED));
    for (const open of [{ permissive: true }, { unfiltered: true }]) {
      const other = rest(device(AT, IN_RED, open));
      expect(differences(other, plain)).toEqual(['would come back without permissive']);
      expect(differences(plain, other)).toEqual(['would come back permissive']);
    }
  });

  test('by what holds it', () => {
    const held = (text?: string): Course => rest(device(AT, ASSIGNABLE), text);
    expect(differences(held('it is busy'), held())).toEqual(['would come back without what holds it now: it is busy']);
    expect(differences(held(), held('it is busy'))).toEqual(['would not come to rest: it is busy']);
    expect(differences(held('it is gone'), held('it is busy'))).toEqual(['would not come to rest: it is busy']);
    expect(differences(held('it is busy'), held('it is busy'))).toEqual([]);
  });
});

describe('two rests of a domain differ', () => {
  const stage = (...domains: ObservedDomain[]) => ({ observed: observed([], domains), inventory: new Map() });
  const has = (...hostdevs: HostdevEntry[]): ObservedDomain =>
    domain('red', { stored: { hostdevs, passthrough: true } });

  test('by entries that are lost or kept, and by permissive', () => {
    const messages = (home: ObservedDomain, found: ObservedDomain): string[] =>
      domainDifferences(stage(home), stage(found)).map(({ message }) => message);
    expect(messages(has(ours(AT)), has())).toEqual([`would not get back in its stored definition: ${AT}`]);
    expect(messages(has(), has(ours(AT, true)))).toEqual([`would keep in its stored definition: ${AT} (permissive)`]);
    expect(messages(has(ours(AT)), has(ours(AT)))).toEqual([]);
  });

  test('not where one has no stored definition, or there is no such domain any more', () => {
    const { stored: _, ...transient } = has(ours(AT));
    expect(domainDifferences(stage(transient), stage(has()))).toEqual([]);
    expect(domainDifferences(stage(has(ours(AT))), stage(transient))).toEqual([]);
    expect(domainDifferences(stage(transient), stage(transient))).toEqual([]);
    expect(domainDifferences(stage(has(ours(AT))), stage())).toEqual([]);
  });
});
