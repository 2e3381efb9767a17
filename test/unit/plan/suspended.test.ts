import { describe, expect, test } from 'vitest';
import type { SourceSnapshot } from '../../../src/api/manifest.ts';
import type { Suspension, Suspensions } from '../../../src/api/suspension.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import type { ObservedDevice, ObservedDomain } from '../../../src/plan/observed.ts';
import { plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { withSuspensions } from '../../../src/plan/suspended.ts';
import { address, assignment, device, domain, entry, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const SINCE = Date.parse('2026-01-02T03:04:05.678Z');
const BY_ANNA: Suspension = { assignment: 'red', since: SINCE, by: 'anna', reason: 'new driver' };
const TEXT = 'Suspended: suspended by anna since 2026-01-02T03:04:05Z (new driver); to go on: xenpci resume red';

const toRed = assignment('red', 'red', [entry('lan', NIC)]);
const toBlue = assignment('blue', 'blue', [entry('lan', NIC)]);
const red = domain('red', { domid: 1 });
const blue = domain('blue', { domid: 2 });

const held = (more: Partial<HeldDevice> = {}): Inventory =>
  new Map([
    [
      address(NIC),
      {
        address: address(NIC),
        assignment: 'red',
        entry: 'lan',
        domain: { name: 'red', uuid: 'uuid-red' },
        deletionPolicy: 'Host',
        updatePolicy: 'Live',
        ...more,
      },
    ],
  ]);

const suspended = (...all: readonly Suspension[]): Suspensions => ({ suspended: all, resumed: [] });

/** Steps, and why devices wait. */
function decide(
  desired: SourceSnapshot,
  devices: readonly ObservedDevice[],
  { domains = [red, blue], inventory = new Map() }: { domains?: readonly ObservedDomain[]; inventory?: Inventory } = {},
): string[] {
  const decided = plan(observed(devices, domains), desired, inventory);
  const holds = [...decided.devices.values()].flatMap(({ hold }) => (hold ? [`${hold.reason}: ${hold.message}`] : []));
  return [...planSteps(decided).map(stepText), ...holds];
}

describe('an assignment that a person has suspended', () => {
  test('is as if its manifest said so, and keeps its hash; the others are the same', () => {
    const { assignments, suspensions } = withSuspensions(source([toRed, toBlue]), suspended(BY_ANNA));
    expect(assignments.map(item => item.assignment.spec.suspend)).toEqual([true, false]);
    expect(assignments[0]?.hash).toBe(toRed.hash);
    expect(assignments[1]).toBe(toBlue);
    expect(suspensions).toEqual(suspended(BY_ANNA));
  });

  test('takes no step, and says who did it, since when, why, and how it ends', () => {
    const desired = withSuspensions(source([toRed]), suspended(BY_ANNA));
    expect(decide(desired, [device(NIC, { at: 'host' })])).toEqual([TEXT]);
  });

  test('lets go of nothing when its entry goes, in the guest or in its definition', () => {
    const inGuest = device(NIC, { at: 'guest', domid: 1, domain: 'red' });
    const stored = { hostdevs: [ours(address(NIC))], passthrough: true };
    const domains = [domain('red', { domid: 1, live: [ours(address(NIC))], stored })];
    const world = { domains, inventory: held() };
    expect(decide(source([]), [inGuest], world)).not.toEqual([]);
    expect(decide(withSuspensions(source([]), suspended(BY_ANNA)), [inGuest], world)).toEqual([TEXT]);
  });

  test('lets go of nothing because another assignment names it now', () => {
    const desired = withSuspensions(source([toBlue]), suspended(BY_ANNA));
    for (const place of [{ at: 'guest', domid: 1, domain: 'red' }, { at: 'assignable' }] as const) {
      expect(
        decide(desired, [device(NIC, place)], { inventory: held() }).filter(text => /^(detach|attach)/.test(text)),
      ).toEqual([]);
      expect(decide(desired, [device(NIC, place)], { inventory: held() })).toContain(TEXT);
    }
  });

  test('keeps its guest from being touched for another assignment, whoever gave it what it has', () => {
    const other = assignment('red', 'red', [entry('disk', '0000:02:00.0')]);
    const desired = withSuspensions(source([other, toBlue]), suspended(BY_ANNA));
    const inGuest = device(NIC, { at: 'guest', domid: 1, domain: 'red' });
    const domains = [domain('red', { domid: 1, live: [ours(address(NIC))] }), blue];
    const texts = decide(desired, [inGuest], { domains });
    expect(texts).toContain(TEXT);
    expect(texts.filter(text => text.startsWith('detach'))).toEqual([]);
  });
});

test('while nobody knows what is suspended nothing is done, and that is said', () => {
  const desired = withSuspensions(source([toRed]), { unusable: 'it is torn' });
  expect(decide(desired, [device(NIC, { at: 'host' })])).toEqual([
    'SuspensionUnknown: nobody knows what is suspended, so nothing is touched: it is torn; to go on with all: xenpci resume --all',
  ]);
});
