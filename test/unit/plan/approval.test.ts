import { describe, expect, test } from 'vitest';
import type { PCIHostPolicy, SourcedAssignment } from '../../../src/api/manifest.ts';
import { type Approval, detachesToApprove, inForce } from '../../../src/plan/approval.ts';
import type { HeldDevice, Inventory } from '../../../src/plan/inventory.ts';
import type { Observed } from '../../../src/plan/observed.ts';
import { nextSteps, type Plan, plan, planSteps } from '../../../src/plan/plan.ts';
import { stepText } from '../../../src/plan/step.ts';
import { address, applied, assignment, device, domain, entry, observed, ours, policy, source } from '../../world.ts';

const ALL = ['0000:01:00.0', '0000:02:00.0', '0000:03:00.0'].map(address);
const [FIRST, SECOND, THIRD] = ALL as [(typeof ALL)[0], (typeof ALL)[0], (typeof ALL)[0]];
const TWO = [FIRST, SECOND];
const NOW = 1_000;

/** Red has these devices from us, and its stored definition carries them. */
function world(devices = ALL): Observed {
  const entries = devices.map(at => ours(at));
  const red = domain('red', { domid: 1, live: entries, stored: { hostdevs: entries, passthrough: true } });
  const inRed = { at: 'guest', domid: 1, domain: 'red' } as const;
  return observed(
    devices.map(at => device(at, inRed)),
    [red, domain('blue', { domid: 2 })],
  );
}

function heldByRed(devices = ALL): Inventory {
  const record = (at: (typeof ALL)[0]): HeldDevice => ({
    address: at,
    assignment: 'red',
    entry: 'x',
    domain: { name: 'red', uuid: 'uuid-red' },
    deletionPolicy: 'Assignable',
    updatePolicy: 'Live',
  });
  return new Map(devices.map(at => [at, record(at)]));
}

function approve(devices: readonly string[], more: Partial<Approval> = {}): Approval[] {
  return devices.map(at => ({ device: address(at), uuid: 'uuid-red', domid: 1, until: NOW + 1, ...more }));
}

interface Ask {
  readonly devices?: typeof ALL;
  readonly wanted?: readonly SourcedAssignment[];
  readonly spec?: Partial<PCIHostPolicy['spec']>;
  readonly approved?: readonly Approval[];
}

/** What is decided when the manifests want this of red's devices; nothing any more unless said. */
function decide({ devices = ALL, wanted = [], spec, approved = [] }: Ask = {}): Plan {
  const desired = source(wanted, spec === undefined ? {} : { policy: policy(spec) });
  return plan(world(devices), desired, heldByRed(devices), { approved, failures: () => 0 });
}

const texts = (decided: Plan): string[] => planSteps(decided).map(stepText);
const reasons = (decided: Plan): (string | undefined)[] =>
  [...decided.devices.values()].map(({ hold }) => hold?.reason);

describe('more devices would leave running guests than may unasked', () => {
  test('none of them leaves, and each says why, how many, and what to do', () => {
    const decided = decide();
    expect(texts(decided)).toEqual([]);
    expect([...decided.devices.values()].map(({ hold }) => hold?.message)).toEqual(
      Array(3).fill(
        '3 devices would leave running guests at once, and at most 2 may unasked (maxDetachesPerPass): ' +
          '0000:01:00.0 from red, 0000:02:00.0 from red, 0000:03:00.0 from red; approve with: xenpci approve',
      ),
    );
    expect(detachesToApprove(decided.devices).map(stepText)).toEqual(ALL.map(at => `detach ${at} from red`));
  });

  test('one is counted as one, and of many the first are named', () => {
    const single = decide({ devices: [FIRST], spec: { maxDetachesPerPass: 0 } }).devices.get(FIRST)?.hold?.message;
    expect(single).toContain('1 device would leave running guests at once, and at most 0 may unasked');
    const many = Array.from({ length: 10 }, (_, index) => address(`0000:0${index}:00.0`));
    const said = (count: number) => decide({ devices: many.slice(0, count) }).devices.get(FIRST)?.hold?.message;
    expect(said(8)).toContain('0000:07:00.0 from red; approve with');
    expect(said(10)).toContain('0000:07:00.0 from red and 2 more; approve with');
  });

  test('as many as may go unasked do', () => {
    expect(texts(decide({ devices: TWO }))).toContain(`detach ${FIRST} from red`);
    expect(reasons(decide({ spec: { maxDetachesPerPass: 3 } }))).toEqual([undefined, undefined, undefined]);
    expect(reasons(decide({ devices: [FIRST], spec: { maxDetachesPerPass: 0 } }))).toEqual(['NeedsApproval']);
  });

  test('moves count, and what follows them waits, too', () => {
    const toBlue = assignment('blue', 'blue', [entry('a', FIRST), entry('b', SECOND), entry('c', THIRD)]);
    const decided = decide({ wanted: [toBlue] });
    expect(texts(decided)).toEqual([]);
    expect(decided.devices.get(FIRST)?.afterApproval?.map(stepText)).toEqual([
      `detach ${FIRST} from red`,
      `attach ${FIRST} to blue`,
    ]);
  });

  test('the stored definition keeps them as long: a guest that restarts finds them where they were', () => {
    expect(decide().configures.size).toBe(0);
    expect(decide().inventory).toEqual(heldByRed());
    expect(texts(decide({ approved: approve(ALL) }))[0]).toBe(`configure red: remove ${ALL.join(', remove ')}`);
  });

  test('approved, all go, to the end', () => {
    let now = world();
    let record = heldByRed();
    const taken: string[] = [];
    for (let round = 0; round < 10; round++) {
      const decided = plan(now, source([]), record, { approved: approve(ALL), failures: () => 0 });
      record = decided.inventory;
      const [step] = nextSteps(decided);
      if (step === undefined) break;
      taken.push(step.verb);
      now = applied(now, step);
    }
    expect(taken).toEqual(['configure', 'detach', 'detach', 'detach']);
    expect(record.size).toBe(0);
  });

  test('an approval covers its own device, guest and instance, and no other', () => {
    expect(reasons(decide({ approved: approve([FIRST]), spec: { maxDetachesPerPass: 1 } }))).toEqual([
      undefined,
      'NeedsApproval',
      'NeedsApproval',
    ]);
    for (const other of [{ uuid: 'uuid-blue' }, { domid: 7 }]) {
      expect(reasons(decide({ approved: approve(ALL, other) }))).toEqual(Array(3).fill('NeedsApproval'));
    }
  });

  test('an approval ends', () => {
    expect(inForce(approve(ALL), NOW)).toHaveLength(3);
    expect(inForce(approve(ALL), NOW + 1)).toEqual([]);
  });

  test('what is on its way to a guest waits for nobody', () => {
    const free = device('0000:04:00.0', { at: 'host' });
    const both = { ...world(), devices: new Map([...world().devices, [free.address, free] as const]) };
    const wanted = source([assignment('blue', 'blue', [entry('d', '0000:04:00.0')])]);
    const decided = plan(both, wanted, heldByRed());
    expect(texts(decided)).toEqual([
      'configure blue: add 0000:04:00.0',
      'bind 0000:04:00.0 to pciback',
      'attach 0000:04:00.0 to blue',
    ]);
  });
});

describe('how a device is taken from a guest', () => {
  const unbind = { command: ['/bin/let-go', '{guestDevice}'], timeoutSeconds: 30, onFailure: 'Refuse' } as const;

  /** The detach of red's first device after some failures. */
  function detachAfter(failures: number, spec: Partial<PCIHostPolicy['spec']>, type: 'pv' | 'hvm' = 'hvm') {
    const base = world([FIRST]);
    const start = { ...base, domains: base.domains.map(item => ({ ...item, type })) };
    const desired = source([], { policy: policy(spec) });
    const decided = plan(start, desired, heldByRed([FIRST]), { approved: [], failures: () => failures });
    return decided.devices.get(FIRST)?.steps[0];
  }

  test('it carries what makes the guest let go', () => {
    expect(detachAfter(0, { guestUnbind: unbind })).toMatchObject({ verb: 'detach', unbind, via: 'libvirt' });
    expect(detachAfter(0, {})).not.toHaveProperty('unbind');
  });

  test('it names the insertion of the card that the guest has, so that one put back meanwhile stays', () => {
    const base = world([FIRST]);
    const devices = new Map([...base.devices].map(([address, item]) => [address, { ...item, insertion: '42' }]));
    const decided = plan({ ...base, devices }, source([], { policy: policy({}) }), heldByRed([FIRST]));
    expect(decided.devices.get(FIRST)?.steps[0]).toMatchObject({ verb: 'detach', insertion: '42' });
  });

  test('by force only when the policy says so, after three failures, and from HVM guests', () => {
    expect(detachAfter(3, { forceDetach: true })).toMatchObject({ force: true, via: 'xl' });
    expect(detachAfter(2, { forceDetach: true })).not.toHaveProperty('force');
    expect(detachAfter(9, { forceDetach: false })).not.toHaveProperty('force');
    expect(detachAfter(9, {})).not.toHaveProperty('force');
    expect(detachAfter(9, { forceDetach: true }, 'pv')).not.toHaveProperty('force');
  });

  test('never from a paused guest, which could not let go, nor while the policy is unknown', () => {
    const base = world([FIRST]);
    const paused = { ...base, domains: base.domains.map(item => ({ ...item, state: 'paused' as const })) };
    const wait = plan(paused, source([]), heldByRed([FIRST])).devices.get(FIRST);
    expect([wait?.hold?.reason, wait?.steps]).toEqual(['DomainPaused', []]);
    const toBlue = [assignment('blue', 'blue', [entry('a', FIRST)])];
    const unsure = source(toBlue, { complete: false, policyUnknown: true });
    expect(plan(base, unsure, heldByRed([FIRST])).devices.get(FIRST)?.hold?.reason).toBe('SourceIncomplete');
  });
});

test('where nothing leaves a guest there is nothing to approve', () => {
  const free = { ...world(), devices: observed([device(FIRST, { at: 'assignable' })], []).devices };
  const decided = plan(free, source([assignment('red', 'red', [entry('lan', FIRST)])]), new Map());
  expect(decided.devices.size).toBe(1);
  expect(detachesToApprove(decided.devices)).toEqual([]);
});
