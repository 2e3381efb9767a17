/** What is known of cards that were pulled out of a guest and put back. */
import { describe, expect, test } from 'vitest';
import { type Given, nextGiven, withPutBack } from '../../../src/plan/given.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, ObservedDevice, ObservedDomain, Place } from '../../../src/plan/observed.ts';
import { plan } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, held, observed, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const AT = address(NIC);
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const red = domain('red', { domid: 1 });
const blue = domain('blue', { domid: 2 });
const to = (name: string) => assignment(name, name, [entry('lan', NIC)]);
const MINE: Inventory = new Map([[AT, held(NIC)]]);

/** A look at the one device. */
function look(
  place: Place,
  insertion: string | undefined,
  more: Partial<ObservedDevice> = {},
  domains: readonly ObservedDomain[] = [red, blue],
): Observed {
  return observed([device(NIC, place, { ...(insertion === undefined ? {} : { insertion }), ...more })], domains);
}

/** Card 7 is with red; it is pulled; it is put back, as 8, and dom0's driver has it; somebody makes it assignable. */
const GIVEN = look(IN_RED, '7');
const GONE = look(IN_RED, undefined, { present: false });
const BACK = look(IN_RED, '8', { driver: 'e1000e' });
const ADDED = look(IN_RED, '8');

/** What is known after these looks. */
function knownAfter(looks: readonly Observed[], given: Given = new Map()): Given {
  let known = given;
  for (const [index, each] of looks.entries()) known = nextGiven(known, looks[index - 1], each);
  return known;
}

/** What the last of these looks shows. */
function shown(...looks: readonly Observed[]): Observed {
  const last = looks.at(-1);
  if (last === undefined) throw new Error('no look');
  return withPutBack(last, knownAfter(looks));
}

function isPutBack(...looks: readonly Observed[]): boolean {
  return shown(...looks).devices.get(AT)?.putBack === true;
}

/** The steps, and why not. */
function decide(world: Observed, name: string): string[] {
  const { hold, steps = [] } = plan(world, source([to(name)]), MINE).devices.get(AT) ?? {};
  return [...(hold === undefined ? [] : [`${hold.reason}: ${hold.message}`]), ...steps.map(stepText)];
}

describe('a card that was pulled out of its guest, put back and made assignable', () => {
  test('is not taken from the guest, which never had it: that would jam its PCI bus', () => {
    expect(decide(shown(GIVEN, BACK, ADDED), 'blue')).toEqual([
      expect.stringMatching(
        /^NeedsRestart: xenstore says that red has 0000:01:00\.0, but this card was never given to it/,
      ),
    ]);
    expect(decide(shown(GIVEN, ADDED), 'blue')).toEqual([expect.stringContaining('NeedsRestart')]);
  });

  test('is not in place in the guest that is to have it', () => {
    expect(decide(shown(GIVEN, GONE, ADDED), 'red')).toEqual([
      expect.stringMatching(/^NeedsRestart: .*: it was taken out and put back; stop and start red$/),
    ]);
  });

  test('is known by its insertion, whatever was seen in between', () => {
    expect(isPutBack(GIVEN, ADDED)).toBe(true);
    expect(isPutBack(GIVEN, GONE, ADDED)).toBe(true);
    expect(isPutBack(GIVEN, BACK, ADDED, ADDED)).toBe(true);
  });

  test('is known from before the controller was started anew', () => {
    const kept = knownAfter([GIVEN]);
    const known = nextGiven(kept, undefined, ADDED);
    expect(withPutBack(ADDED, known).devices.get(AT)?.putBack).toBe(true);
    expect(known).toBe(kept);
  });

  test('is known when its guest was seen with it only while it was out, twice', () => {
    expect(isPutBack(BACK, BACK, ADDED)).toBe(true);
    expect(isPutBack(GONE, BACK, ADDED)).toBe(true);
    expect(isPutBack(GONE, GONE, ADDED)).toBe(true);
  });

  test('is forgotten with the instance of its guest', () => {
    const restarted = domain('red', { domid: 3 });
    const anew = look({ at: 'guest', domid: 3, domain: 'red' }, '8', {}, [restarted]);
    expect(isPutBack(GIVEN, ADDED, anew)).toBe(false);
    expect(decide(shown(GIVEN, ADDED, anew), 'red')).not.toContainEqual(expect.stringContaining('NeedsRestart'));
    expect(knownAfter([GIVEN, ADDED, look({ at: 'assignable' }, '8', {}, [blue])]).size).toBe(0);
  });

  test('is forgotten with the boot', () => {
    expect(knownAfter([GIVEN, { ...ADDED, bootId: 'boot-2' }]).get(AT)).toMatchObject({
      bootId: 'boot-2',
      insertion: '8',
    });
    expect(withPutBack({ ...ADDED, bootId: 'boot-2' }, knownAfter([GIVEN]))).toEqual({ ...ADDED, bootId: 'boot-2' });
  });
});

describe('a card that a guest has', () => {
  test('is the one that it was given while its insertion is the same', () => {
    expect(shown(GIVEN, GIVEN)).toBe(GIVEN);
    expect(decide(shown(GIVEN, GIVEN), 'blue')).toEqual([
      'detach 0000:01:00.0 from red (through xl)',
      expect.any(String),
    ]);
  });

  test('is the one that it was given when it was taken from it and given anew', () => {
    expect(isPutBack(GIVEN, look({ at: 'assignable' }, '7'), look({ at: 'host' }, '8'), ADDED)).toBe(false);
  });

  // xenstore is read after sysfs: dom0's driver had it a moment before.
  test('is not thought to have been out because one look came in between', () => {
    expect(isPutBack(look({ at: 'host' }, '8'), BACK, ADDED)).toBe(false);
  });

  test('is known to be with it while the entries of xenstore are on the move', () => {
    const moving = look({ at: 'assignable' }, '8', { settled: false });
    expect(isPutBack(GIVEN, moving, ADDED)).toBe(true);
    expect(knownAfter([GIVEN, look({ at: 'assignable' }, '8', { settled: false }, [blue])]).size).toBe(0);
  });

  test('costs nothing to know where nothing has changed', () => {
    const known = knownAfter([GIVEN]);
    expect(nextGiven(known, GIVEN, GIVEN)).toBe(known);
    expect(known.get(AT)).toEqual({ address: AT, domid: 1, bootId: 'boot-1', insertion: '7' });
  });

  test('says nothing where sysfs numbers no folders', () => {
    const blind = look(IN_RED, undefined);
    expect(isPutBack(blind, blind)).toBe(false);
    expect(knownAfter([blind]).size).toBe(0);
    expect(isPutBack(GIVEN, blind)).toBe(false);
  });
});
