import { describe, expect, test } from 'vitest';
import type { DeletionPolicy, SourceSnapshot } from '../../src/api/manifest.ts';
import type { Inventory } from '../../src/plan/inventory.ts';
import { type Observed, type ObservedDomain, type Place, placeText } from '../../src/plan/observed.ts';
import { nextSteps, plan } from '../../src/plan/plan.ts';
import { address, applied, assignment, device, domain, entry, observed, ours, source } from '../world.ts';

const AT = '0000:01:00.0';

/** Where the device can be; red is the guest that has it from us, blue one that has it from somebody else. */
const PLACES = ['host', 'assignable', 'red', 'blue'] as const;
type Spot = (typeof PLACES)[number];
const POLICIES: readonly DeletionPolicy[] = ['Assignable', 'Host', 'Orphan'];
/** What may have become of red. `gone`: undefined while it was shut off. */
const REDS = ['running', 'paused', 'changing', 'shutoff', 'gone'] as const;
type Red = (typeof REDS)[number];

function placeOf(spot: Spot): Place {
  if (spot === 'host' || spot === 'assignable') return { at: spot };
  return { at: 'guest', domid: spot === 'red' ? 1 : 2, domain: spot };
}

function world(spot: Spot, red: Red): Observed {
  const live = spot === 'red' ? [ours(address(AT))] : [];
  const reds: ObservedDomain[] =
    red === 'gone' ? [] : [domain('red', red === 'shutoff' ? {} : { domid: 1, state: red, live })];
  return observed([device(AT, placeOf(spot))], [...reds, domain('blue', { domid: 2 })]);
}

/** The record of red's device. */
function record(deletionPolicy: DeletionPolicy): Inventory {
  const at = address(AT);
  const red = { name: 'red', uuid: 'uuid-red' };
  const held = {
    address: at,
    assignment: 'a',
    entry: 'lan',
    domain: red,
    deletionPolicy,
    updatePolicy: 'Live',
  } as const;
  return new Map([[at, held]]);
}

/** Where the device ends up, by which steps, and why it goes no further. */
function end(start: Observed, desired: SourceSnapshot, held: Inventory): string {
  let now = start;
  let inventory = held;
  const verbs: string[] = [];
  for (let round = 0; round < 10; round++) {
    const decided = plan(now, desired, inventory);
    inventory = decided.inventory;
    const [step] = nextSteps(decided);
    if (step !== undefined) {
      if (step.verb !== 'configure') verbs.push(step.verb);
      now = applied(now, step);
      continue;
    }
    const place = now.devices.get(address(AT))?.place;
    const hold = decided.devices.get(address(AT))?.hold?.reason;
    const words = [place === undefined ? '?' : placeText(place), ...verbs.map(verb => `by ${verb}`), hold ?? []];
    return words.flat().join(', ');
  }
  throw new Error('no end');
}

/** `policy | where it is | where it ends up`, with all states of red that come to the same in one line. */
function table(end: (spot: Spot, red: Red) => string): string[] {
  return PLACES.flatMap(spot => {
    const reds = REDS.filter(red => spot !== 'red' || !['shutoff', 'gone'].includes(red));
    const byEnd = new Map<string, Red[]>();
    for (const red of reds) byEnd.set(end(spot, red), [...(byEnd.get(end(spot, red)) ?? []), red]);
    return [...byEnd].map(([result, same]) => `${spot} | red ${same.join(', ')} | ${result}`);
  });
}

describe('giving back, in every case', () => {
  const gone = (policy: DeletionPolicy): string[] =>
    table((spot, red) => end(world(spot, red), source([]), record(policy)));

  const stays = (whenStopped: 'Assignable' | 'Host'): string[] => {
    const desired = source([assignment('a', 'red', [entry('lan', AT)], { whenStopped })]);
    return table((spot, red) => end(world(spot, red), desired, record('Assignable')));
  };

  test('an entry has gone, deletionPolicy Assignable', () => {
    expect(gone('Assignable')).toMatchInlineSnapshot(`
      [
        "host | red running, paused, changing, shutoff, gone | host",
        "assignable | red running, paused, changing, shutoff, gone | assignable",
        "red | red running | assignable, by detach",
        "red | red paused | guest red, DomainPaused",
        "red | red changing | guest red, DomainChanging",
        "blue | red running, paused, changing, shutoff, gone | guest blue",
      ]
    `);
  });

  test('an entry has gone, deletionPolicy Host', () => {
    expect(gone('Host')).toMatchInlineSnapshot(`
      [
        "host | red running, paused, changing, shutoff, gone | host",
        "assignable | red running, paused, changing, shutoff, gone | host, by release",
        "red | red running | host, by detach, by release",
        "red | red paused | guest red, DomainPaused",
        "red | red changing | guest red, DomainChanging",
        "blue | red running, paused, changing, shutoff, gone | guest blue",
      ]
    `);
  });

  test('an entry has gone, deletionPolicy Orphan', () => {
    expect(gone('Orphan')).toMatchInlineSnapshot(`
      [
        "host | red running, paused, changing, shutoff, gone | host",
        "assignable | red running, paused, changing, shutoff, gone | assignable",
        "red | red running, paused, changing | guest red",
        "blue | red running, paused, changing, shutoff, gone | guest blue",
      ]
    `);
  });

  test('an entry stays, whenStopped Assignable', () => {
    expect(stays('Assignable')).toMatchInlineSnapshot(`
      [
        "host | red running | guest red, by bind, by attach",
        "host | red paused | assignable, by bind, DomainPaused",
        "host | red changing | host, DomainChanging",
        "host | red shutoff | assignable, by bind",
        "host | red gone | assignable, by bind, DomainNotFound",
        "assignable | red running | guest red, by attach",
        "assignable | red paused | assignable, DomainPaused",
        "assignable | red changing | assignable, DomainChanging",
        "assignable | red shutoff | assignable",
        "assignable | red gone | assignable, DomainNotFound",
        "red | red running, paused, changing | guest red",
        "blue | red running, paused, shutoff, gone | guest blue, HeldByOther",
        "blue | red changing | guest blue, DomainChanging",
      ]
    `);
  });

  test('an entry stays, whenStopped Host', () => {
    expect(stays('Host')).toMatchInlineSnapshot(`
      [
        "host | red running | guest red, by bind, by attach",
        "host | red paused | assignable, by bind, DomainPaused",
        "host | red changing | host, DomainChanging",
        "host | red shutoff | host",
        "host | red gone | host, DomainNotFound",
        "assignable | red running | guest red, by attach",
        "assignable | red paused | assignable, DomainPaused",
        "assignable | red changing | assignable, DomainChanging",
        "assignable | red shutoff | host, by release",
        "assignable | red gone | host, by release, DomainNotFound",
        "red | red running, paused, changing | guest red",
        "blue | red running, paused, shutoff, gone | guest blue, HeldByOther",
        "blue | red changing | guest blue, DomainChanging",
      ]
    `);
  });

  test('whenStopped has no part in what becomes of a device whose entry has gone, nor has deletionPolicy before', () => {
    for (const spot of PLACES) {
      for (const whenStopped of ['Assignable', 'Host'] as const) {
        const ends = POLICIES.map(deletionPolicy => {
          const desired = source([assignment('a', 'red', [entry('lan', AT)], { whenStopped, deletionPolicy })]);
          return end(world(spot, spot === 'red' ? 'running' : 'shutoff'), desired, record(deletionPolicy));
        });
        expect(new Set(ends).size).toBe(1);
      }
    }
  });

  test('the driver that is gone back to: the one xl noted, else ours of this boot, else the choice of the kernel', () => {
    const held = (bootId: string): Inventory =>
      new Map([...record('Host')].map(([at, item]) => [at, { ...item, hostDriver: { name: 'ours', bootId } }]));
    const driver = (more: { homeDriver?: string }, inventory: Inventory): unknown => {
      const start = observed([device(AT, { at: 'assignable' }, more)], []);
      const [step] = nextSteps(plan(start, source([]), inventory));
      return step?.verb === 'release' ? (step.driver ?? 'the choice of the kernel') : step;
    };
    expect(driver({ homeDriver: 'noted' }, held('boot-1'))).toBe('noted');
    expect(driver({}, held('boot-1'))).toBe('ours');
    expect(driver({}, held('boot-0'))).toBe('the choice of the kernel');
    expect(driver({}, record('Host'))).toBe('the choice of the kernel');
  });
});
