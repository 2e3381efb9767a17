import { describe, expect, test } from 'vitest';
import type { SourceSnapshot } from '../../../src/api/manifest.ts';
import type { Failure } from '../../../src/controller/backoff.ts';
import { computeStatus } from '../../../src/controller/status.ts';
import type { Status } from '../../../src/controller/status-types.ts';
import type { Observed, Place } from '../../../src/plan/observed.ts';
import { plan } from '../../../src/plan/plan.ts';
import type { Step } from '../../../src/plan/step.ts';
import { address, assignment, device, domain, entry, observed, ours, source } from '../../world.ts';

const NIC = '0000:01:00.0';
const IN_RED: Place = { at: 'guest', domid: 1, domain: 'red' };
const red = domain('red', { domid: 1, stored: { hostdevs: [ours(address(NIC))], passthrough: true } });
const toRed = source([assignment('red', 'red', [entry('lan', NIC)])]);
const T0 = Date.parse('2026-01-01T00:00:00Z');

interface Given {
  readonly previous?: Status;
  readonly now?: number;
  readonly failures?: ReadonlyMap<string, Failure>;
  readonly open?: readonly Step[];
}

function status(world: Observed, desired: SourceSnapshot, given: Given = {}): Status {
  const { previous, now = T0, failures, open = [] } = given;
  return computeStatus({
    plan: plan(world, desired, new Map()),
    observed: world,
    source: desired,
    ...(previous === undefined ? {} : { previous }),
    failure: key => failures?.get(key),
    open,
    now,
  });
}

const conditions = (found: Status): string[] =>
  (found.assignments[0]?.conditions ?? []).map(({ type, status: is, reason }) => `${type} ${is} ${reason}`);

describe('conditions of an assignment', () => {
  test('in place', () => {
    expect(conditions(status(observed([device(NIC, IN_RED)], [red]), toRed))).toEqual(['Ready True InPlace']);
  });

  test('prepared for a domain that is shut off', () => {
    const { domid: _, ...off } = { ...red, state: 'shutoff' as const };
    expect(conditions(status(observed([device(NIC, { at: 'assignable' })], [off]), toRed))).toEqual([
      'Ready True Prepared',
    ]);
  });

  test('on the way', () => {
    expect(conditions(status(observed([device(NIC, { at: 'host' })], [red]), toRed))).toEqual([
      'Ready False Progressing',
      'Reconciling True Progressing',
    ]);
  });

  test('a step under way: not ready, though a look shows the device in place', () => {
    const guest = { name: 'red', uuid: 'uuid-red', domid: 1 };
    const step: Step = { verb: 'attach', device: address(NIC), guest, via: 'libvirt', permissive: false };
    const found = status(observed([device(NIC, IN_RED)], [red]), toRed, { open: [step] });
    expect(conditions(found)).toEqual(['Ready False Progressing', 'Reconciling True Progressing']);
  });

  test('a stored definition that is still to be changed: not ready', () => {
    const bare = { ...red, stored: { hostdevs: [], passthrough: true } };
    expect(conditions(status(observed([device(NIC, IN_RED)], [bare]), toRed))[0]).toBe('Ready False Progressing');
  });

  test('a device that is missing: not ready, unless it may be', () => {
    expect(conditions(status(observed([], [red]), toRed))[0]).toBe('Ready False DeviceMissing');
    const may = source([assignment('red', 'red', [entry('lan', NIC, { whenMissing: 'Ignore' })])]);
    const without = { ...red, stored: { hostdevs: [], passthrough: true } };
    expect(conditions(status(observed([], [without]), may))).toEqual(['Ready True InPlace']);
  });

  test('a guard is stalled at once, for only a person ends it', () => {
    const bridge = device(NIC, { at: 'host' }, { identity: { vendor: '1', device: '2', class: '0604' } });
    const bare = { ...red, stored: { hostdevs: [], passthrough: true } };
    expect(conditions(status(observed([bridge], [bare]), toRed))).toEqual([
      'Ready False Bridge',
      'Stalled True Bridge',
    ]);
  });

  test('a wait is stalled when its deadline has passed, and keeps its beginning till then', () => {
    const missing = observed([], [red]);
    const first = status(missing, toRed);
    const later = status(missing, toRed, { previous: first, now: T0 + 60_000 });
    expect(conditions(later)).toEqual(['Ready False DeviceMissing', 'Reconciling True DeviceMissing']);
    expect(later.devices[0]?.wait).toMatchObject({
      since: '2026-01-01T00:00:00.000Z',
      deadline: '2026-01-01T00:10:00.000Z',
      overdue: false,
    });
    const late = status(missing, toRed, { previous: later, now: T0 + 600_000 });
    expect(conditions(late)).toEqual(['Ready False DeviceMissing', 'Stalled True DeviceMissing']);
  });

  test('a failed step says so, and when it is tried next', () => {
    const failure = { count: 2, since: T0, until: T0 + 2_000, error: 'refused by xl' };
    const found = status(observed([device(NIC, { at: 'host' })], [red]), toRed, {
      failures: new Map([[NIC, failure]]),
    });
    expect(conditions(found)).toEqual(['Ready False StepFailed', 'Reconciling True StepFailed']);
    expect(found.devices[0]?.failure).toEqual({
      count: 2,
      error: 'refused by xl',
      since: '2026-01-01T00:00:00.000Z',
      nextTry: '2026-01-01T00:00:02.000Z',
    });
  });

  test('a file that went bad keeps its last good content in force, and is stalled', () => {
    const [good] = toRed.assignments;
    if (good === undefined) throw new Error('no assignment');
    const problem = {
      file: '/m/red.yaml',
      line: 3,
      column: 7,
      code: 'Syntax',
      field: '',
      message: 'bad indentation',
      excerpt: '',
    } as const;
    const stale = source([{ ...good, stale: problem }], { problems: [problem], complete: false });
    const found = status(observed([device(NIC, IN_RED)], [red]), stale);
    expect(conditions(found)).toEqual(['Ready True InPlace', 'Stalled True InvalidManifest']);
    expect(found.assignments[0]?.conditions[1]?.message).toContain('/m/red.yaml:3:7: bad indentation');
    const missing = { ...problem, field: 'spec.domain', message: 'is missing' };
    const unnamed = source([{ ...good, stale: missing }], { problems: [missing], complete: false });
    expect(status(observed([device(NIC, IN_RED)], [red]), unnamed).assignments[0]?.conditions[1]?.message).toContain(
      '/m/red.yaml:3:7: spec.domain: is missing;',
    );
  });
});

describe('transition times', () => {
  test('change when a condition changes, and only then', () => {
    const way = observed([device(NIC, { at: 'host' })], [red]);
    const first = status(way, toRed);
    const same = status(way, toRed, { previous: first, now: T0 + 5_000 });
    expect(same.assignments[0]?.conditions[0]?.lastTransitionTime).toBe('2026-01-01T00:00:00.000Z');
    const arrived = status(observed([device(NIC, IN_RED)], [red]), toRed, { previous: same, now: T0 + 9_000 });
    expect(arrived.assignments[0]?.conditions[0]?.lastTransitionTime).toBe('2026-01-01T00:00:09.000Z');
  });
});
