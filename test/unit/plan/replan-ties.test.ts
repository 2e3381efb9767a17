/** Planning again after one thing has changed comes to the plan from scratch, by whatever that thing is tied to others. */
import { describe, expect, test } from 'vitest';
import type { SourcedAssignment } from '../../../src/api/manifest.ts';
import type { PciPath } from '../../../src/api/path.ts';
import type { Basis } from '../../../src/plan/basis.ts';
import type { HeldDevice } from '../../../src/plan/inventory.ts';
import type { ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { type Plan, plan } from '../../../src/plan/plan.ts';
import { replan } from '../../../src/plan/replan/replan.ts';
import { NO_STANDING, type Standing, standingOf } from '../../../src/plan/standing.ts';
import { address, assignment, device, domain, entry, held, observed, ours, policy, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const DISK = '0000:02:00.0';
const LAST = '0000:03:00.0';
const HOST: Place = { at: 'host' };
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const IN_BLUE: Place = { at: 'guest', domid: 2, domain: 'blue' };
const red = domain('red', { domid: 1 });
const blue = domain('blue', { domid: 2 });

interface Scene {
  readonly devices?: readonly ObservedDevice[];
  readonly domains?: readonly ObservedDomain[];
  readonly wanted?: readonly SourcedAssignment[];
  readonly more?: Parameters<typeof source>[1];
  readonly records?: readonly HeldDevice[];
  readonly standing?: Standing;
}

function basisOf({ devices = [], domains = [], wanted = [], more = {}, records = [] }: Scene): Basis {
  const inventory = new Map(records.map(record => [record.address, record]));
  return { observed: observed(devices, domains), source: source(wanted, more), inventory };
}

/** All that a plan says, in its order. */
const said = ({ entries, devices, configures, foreign, inventory }: Plan): unknown[] => [
  entries,
  ...[devices, configures, foreign, inventory].map(map => [...map]),
];

/** Goes from each scene to the next, there and back, with each object kept that is in both. */
function follows(first: Scene, ...changes: readonly Scene[]): void {
  const scenes: Scene[] = [first];
  for (const change of changes) scenes.push({ ...scenes.at(-1), ...change });
  let planned = replan(undefined, basisOf(first), first.standing);
  for (const scene of [...scenes, ...scenes.toReversed()]) {
    const basis = basisOf(scene);
    planned = replan(planned, basis, scene.standing);
    const { standing = NO_STANDING, wanted = [] } = scene;
    expect(planned.entries.size).toBe(wanted.filter(each => each.assignment.spec.devices.length > 0).length);
    expect(said(planned.plan)).toEqual(said(plan(basis.observed, basis.source, basis.inventory, standing)));
  }
  // Each change is one that matters: what was before is not said afterwards.
  const all = scenes.map(scene => replan(undefined, basisOf(scene), scene.standing).plan);
  for (const [index, found] of all.slice(1).entries()) expect(said(found)).not.toEqual(said(all[index] ?? found));
}

describe('planning again follows a device', () => {
  const nic = device(NIC, HOST);
  const toRed = assignment('red', 'red', [entry('lan', NIC)]);
  const path = '00_1c.0/00_00.0' as PciPath;

  test('by its address, into a guest and away', () => {
    const [free, given] = [device(NIC, ASSIGNABLE), device(NIC, IN_RED)];
    const scene = { domains: [red, blue], wanted: [toRed] };
    follows({ ...scene, devices: [] }, { devices: [nic] }, { devices: [free] }, { devices: [given] });
  });

  test('by its path, to which an entry has led nowhere before', () => {
    const wanted = [assignment('red', 'red', [entry('lan', '', { path })])];
    follows({ domains: [red], wanted, devices: [device(DISK, HOST)] }, { devices: [device(NIC, HOST, { path })] });
  });

  test('by the selectors that it fits, until another entry names it', () => {
    const other = assignment('blue', 'blue', [entry('lan', NIC)]);
    const wanted = [assignment('red', 'red', [entry('all', '', { selector: { device: '10d3' } })])];
    const scene = { domains: [red, blue], wanted };
    follows({ ...scene, devices: [] }, { devices: [nic, device(DISK, HOST)] }, { wanted: [...wanted, other] });
  });

  test('by its slot', () => {
    const second = (place: Place) => device('0000:01:00.1', place);
    const scene = { domains: [red, blue], wanted: [toRed] };
    follows({ ...scene, devices: [nic, second(HOST)] }, { devices: [nic, second(ASSIGNABLE)] });
  });

  test('by a bus that can only be reset whole', () => {
    const whole = device(NIC, HOST, { path, resetMethods: ['bus'] });
    const near = (place: Place) => device('0000:01:01.0', place, { path: '00_1c.0/00_01.0' as PciPath });
    const scene = { domains: [red, blue], wanted: [toRed] };
    const given = near(IN_BLUE);
    follows({ ...scene, devices: [whole, near(ASSIGNABLE)] }, { devices: [whole, given] });
    // Also where it only now can no longer be reset alone.
    const alone = device(NIC, HOST, { path });
    follows({ ...scene, devices: [alone, given] }, { devices: [whole, given] });
  });
});

describe('planning again follows a domain', () => {
  const paused = { ...red, state: 'paused' as const };
  const given = device(NIC, IN_RED);

  test('by its running instance, which has what another one is to get', () => {
    const wanted = [assignment('blue', 'blue', [entry('lan', NIC)]), assignment('x', 'red', [])];
    const bare = wanted.slice(0, 1);
    follows({ devices: [given], domains: [red, blue], wanted }, { domains: [paused, blue] });
    follows({ devices: [given], domains: [red, blue], wanted: bare }, { domains: [blue] });
  });

  test('by its name and by its uuid', () => {
    const byUuid = assignment('red', 'other', [entry('lan', NIC)], { domain: { uuid: 'uuid-red' } });
    const byName = assignment('red', 'red', [entry('lan', NIC)]);
    for (const wanted of [[byUuid], [byName]]) {
      follows({ devices: [device(NIC, ASSIGNABLE)], domains: [], wanted }, { domains: [red] }, { domains: [paused] });
    }
  });

  test('by its stored definition, which has what another one gets', () => {
    const stored = { hostdevs: [ours(address(NIC))], passthrough: true };
    const devices = [device(NIC, ASSIGNABLE)];
    const wanted = [assignment('blue', 'blue', [entry('lan', NIC)])];
    follows({ devices, domains: [domain('red', { stored }), blue], wanted: [] }, { wanted });
    const { stored: _, ...transient } = red;
    follows({ devices, domains: [transient, blue], wanted: [] }, { wanted });
  });

  test('by what libvirt believes that it has', () => {
    const starting = domain('red', { domid: 1, state: 'changing', live: [ours(address(NIC))] });
    const wanted = [assignment('blue', 'blue', [entry('lan', NIC)])];
    const devices = [device(NIC, ASSIGNABLE)];
    follows({ devices, domains: [red, blue], wanted }, { domains: [starting, blue] });
  });
});

describe('planning again follows a record', () => {
  const devices = [device(NIC, ASSIGNABLE)];

  test('by the uuid of its domain, which has another name now, or by the name where it has no uuid', () => {
    const wanted = [assignment('red', 'red', [entry('lan', NIC)])];
    const crimson = domain('crimson', { uuid: 'uuid-red' });
    follows({ devices, domains: [], wanted, records: [held(NIC)] }, { domains: [crimson] });
    const named = held(NIC, { domain: { name: 'red' }, assignment: 'gone' });
    const foreign = { devices: [device(NIC, IN_RED)], records: [named] };
    follows({ ...foreign, domains: [] }, { domains: [red] });
  });

  test('by the assignment that had it, whether or not that names it', () => {
    const asleep = (suspend: boolean) => assignment('red', 'red', [], { suspend });
    const records = [held(NIC, { deletionPolicy: 'Host' })];
    follows({ devices, domains: [red], wanted: [asleep(true)], records }, { wanted: [asleep(false)] });
    follows({ devices, domains: [red], wanted: [], records }, { records: [] });
  });
});

describe('planning again follows the whole host', () => {
  const texts = [NIC, DISK, LAST];
  const names = ['red', 'blue', 'green'];
  const guests = names.map((name, index) => {
    const hostdevs = [ours(address(texts[index] ?? NIC))];
    return domain(name, { domid: index + 1, type: 'hvm', live: hostdevs, stored: { hostdevs, passthrough: true } });
  });
  const devices = texts.map((text, index) =>
    device(text, { at: 'guest', domid: index + 1, domain: names[index] ?? 'red' }),
  );
  const records = texts.map((text, index) => {
    const name = names[index] ?? 'red';
    return held(text, { assignment: name, domain: { name, uuid: `uuid-${name}` } });
  });
  const all = names.map((name, index) => assignment(name, name, [entry('lan', texts[index] ?? NIC)]));
  const [first, second, third] = all as [SourcedAssignment, SourcedAssignment, SourcedAssignment];

  test('in who would leave a guest, by whatever order they are taken away', () => {
    for (const max of [0, 1, 2]) {
      const more = { policy: policy({ maxDetachesPerPass: max, forceDetach: true }) };
      const scene = { devices, domains: guests, wanted: all, records, more };
      follows(scene, { wanted: [first, second] }, { wanted: [second] }, { wanted: [] });
      follows(scene, { wanted: [second, third] }, { wanted: [second] }, { wanted: [] });
    }
  });

  test('in what is approved, which may change who waits without changing how many', () => {
    const approved = (index: number): Standing => {
      const [name = 'red', text = NIC] = [names[index], texts[index]];
      const until = Number.POSITIVE_INFINITY;
      return standingOf([{ device: address(text), uuid: `uuid-${name}`, domid: index + 1, until }], new Map());
    };
    const more = { policy: policy({ maxDetachesPerPass: 1 }) };
    const scene = { devices, domains: guests, wanted: [], records, more };
    follows({ ...scene, standing: approved(0) }, { standing: approved(1) }, { standing: approved(2) });
  });

  test('in how often a step has failed', () => {
    const more = { policy: policy({ maxDetachesPerPass: 3, forceDetach: true }) };
    const failed = (count: number): Standing => standingOf([], new Map([[NIC, count]]));
    const scene = { devices, domains: guests, wanted: [], records, more };
    follows({ ...scene, standing: failed(2) }, { standing: failed(3) });
    follows({ ...scene, standing: NO_STANDING }, { standing: failed(3) });
  });

  test('in what the wait for approval says, and in who waits where it says the same of more than it names', () => {
    const more = { policy: policy({ maxDetachesPerPass: 1 }) };
    const crimson = { ...(guests[0] ?? red), name: 'crimson' };
    const scene = { devices, domains: guests, wanted: [], records, more };
    follows(scene, { domains: [crimson, ...guests.slice(1)] });
    const many = Array.from({ length: 10 }, (_, index) => `0000:${10 + index}:00.0`);
    const hostdevs = many.map(text => ours(address(text)));
    const crowd = {
      devices: many.map(text => device(text, IN_RED)),
      domains: [domain('red', { domid: 1, live: hostdevs, stored: { hostdevs, passthrough: true } })],
      records: many.map(text => held(text)),
      more,
    };
    const approved = (text = ''): Standing =>
      standingOf([{ device: address(text), uuid: 'uuid-red', domid: 1, until: Number.POSITIVE_INFINITY }], new Map());
    follows({ ...crowd, standing: approved(many[8]) }, { standing: approved(many[9]) });
  });

  test('in the order of manifests, domains and devices', () => {
    const none = { devices: [device(NIC, HOST), device(DISK, HOST)], domains: [red, blue] };
    const wanted = [assignment('a', 'blue', [entry('x', DISK)]), assignment('b', 'red', [entry('y', NIC)])];
    follows({ ...none, wanted }, { wanted: wanted.toReversed() });
    const namesakes = [domain('red', { uuid: 'uuid-1' }), domain('red', { uuid: 'uuid-2' })];
    const toRed = [assignment('red', 'red', [entry('lan', NIC)])];
    follows({ ...none, wanted: toRed, domains: namesakes }, { domains: namesakes.toReversed() });
  });

  test('with what is new in its place among the rest', () => {
    const stored = domain('amber', { stored: { hostdevs: [], passthrough: false } });
    const early = assignment('amber', 'amber', [entry('lan', '0000:00:19.0')]);
    const scene = { devices: [device('0000:00:19.0', HOST), device(NIC, HOST)], domains: [stored, red] };
    const later = assignment('red', 'red', [entry('lan', NIC)]);
    follows({ ...scene, wanted: [later] }, { wanted: [later, early] }, { wanted: [early] });
  });
});
