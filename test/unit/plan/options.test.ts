import { describe, expect, test } from 'vitest';
import type { DeviceEntry } from '../../../src/api/manifest.ts';
import type { Inventory } from '../../../src/plan/inventory.ts';
import type { Observed, ObservedDevice, Place } from '../../../src/plan/observed.ts';
import { plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, observed, ours, policy, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const ASSIGNABLE: Place = { at: 'assignable' };
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const NONE: Inventory = new Map();

function words(world: Observed, more: Partial<DeviceEntry>, held = NONE): string[] {
  const decided = plan(world, source([assignment('red', 'red', [entry('lan', NIC, more)])]), held);
  const holds = [...decided.devices.values()].flatMap(({ hold }) => (hold === undefined ? [] : [hold]));
  return [...planSteps(decided).map(stepText), ...holds.map(({ reason, message }) => `${reason}: ${message}`)];
}

function inRed(more: Partial<ObservedDevice>, permissive: boolean): Observed {
  const definition = [ours(address(NIC), permissive)];
  const red = domain('red', { domid: 1, live: definition, stored: { hostdevs: definition, passthrough: true } });
  return observed([device(NIC, IN_RED, more)], [red]);
}

describe('permissive of a device in a guest', () => {
  test('is as wanted when both views say so', () => {
    expect(words(inRed({ permissive: true, unfiltered: true }, true), { permissive: true })).toEqual([]);
    expect(words(inRed({ permissive: false }, false), {})).toEqual([]);
  });

  test('that is to change waits for a restart, and the stored definition is changed for it', () => {
    expect(words(inRed({ permissive: true, unfiltered: true }, true), {})).toEqual([
      'configure red: replace 0000:01:00.0',
      'NeedsRestart: red has 0000:01:00.0 with another permissive than false (opts-N says permissive=1, pciback passes all writes); stop and start it',
    ]);
    expect(words(inRed({ permissive: false }, true), { permissive: true })).toEqual([
      'NeedsRestart: red has 0000:01:00.0 with another permissive than true (opts-N says permissive=0, pciback filters writes); stop and start it',
    ]);
  });

  test('is not believed of the toolstack alone', () => {
    expect(words(inRed({ permissive: true }, true), { permissive: true })).toEqual([
      'NeedsRestart: red has 0000:01:00.0 with another permissive than true (opts-N says permissive=1, pciback filters writes); stop and start it',
    ]);
    expect(words(inRed({ permissive: false, unfiltered: true }, false), {})).toEqual([
      'NeedsRestart: red has 0000:01:00.0 with another permissive than false (opts-N says permissive=0, pciback passes all writes); stop and start it',
    ]);
  });
});

describe('permissive that an earlier guest left behind', () => {
  const left = device(NIC, ASSIGNABLE, { unfiltered: true });
  const off = domain('red', { stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
  const CLEAR = 'bind 0000:01:00.0 to pciback anew, which ends permissive';

  test('ends before the next start, which would not end it', () => {
    expect(words(observed([left], [off]), {})).toEqual([CLEAR]);
    const wanting = { ...off, stored: { hostdevs: [ours(address(NIC), true)], passthrough: true } };
    expect(words(observed([left], [wanting]), { permissive: true })).toEqual([]);
  });

  test('is left while somebody is giving the device to a guest, or taking it from one', () => {
    expect(words(observed([{ ...left, settled: false }], [off]), {})).toEqual([]);
    const starting = domain('blue', { state: 'changing', live: [ours(address(NIC))] });
    expect(words(observed([left], [off, starting]), {})).toEqual([]);
  });

  test('is left while the device waits for a function beside it that a guest has: bound anew, it might be reset', () => {
    const beside = '0000:01:00.1';
    const blue = domain('blue', { domid: 2, live: [ours(address(beside))] });
    const theirs = device(beside, { at: 'guest', domid: 2, domain: 'blue' });
    const both = assignment('red', 'red', [entry('lan', NIC), entry('wan', beside)]);
    const world = observed([left, theirs], [{ ...off, domid: 1, state: 'running' }, blue]);
    const decided = plan(world, source([both], { policy: policy({ maxDetachesPerPass: 0 }) }), NONE);
    expect([...decided.devices.values()].map(({ hold }) => hold?.reason)).toEqual(['SlotInUse', 'NeedsApproval']);
    expect(planSteps(decided).map(stepText)).toEqual([]);
  });

  test('ends with the attach to the next guest', () => {
    expect(words(observed([left], [{ ...off, domid: 1, state: 'running' }]), {})).toEqual([
      'attach 0000:01:00.0 to red',
    ]);
  });

  test('ends when the entry goes and the device stays assignable, and with the release', () => {
    const record = { address: address(NIC), assignment: 'red', entry: 'lan', domain: { name: 'red' } } as const;
    const held = (deletionPolicy: 'Assignable' | 'Host'): Inventory =>
      new Map([[address(NIC), { ...record, deletionPolicy, updatePolicy: 'Live' }]]);
    const world = observed([left], [domain('red')]);
    const steps = (policy: 'Assignable' | 'Host'): string[] =>
      planSteps(plan(world, source([]), held(policy))).map(stepText);
    expect(steps('Assignable')).toEqual([CLEAR]);
    expect(steps('Host')).toEqual(['release 0000:01:00.0 to the host']);
  });
});
