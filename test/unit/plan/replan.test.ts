import { describe, expect, test } from 'vitest';
import type { Basis } from '../../../src/plan/basis.ts';
import type { Place } from '../../../src/plan/observed.ts';
import { plan } from '../../../src/plan/plan.ts';
import type { Planned } from '../../../src/plan/replan/planned.ts';
import { replan } from '../../../src/plan/replan/replan.ts';
import { address, assignment, device, domain, entry, held, observed, ours, policy, source } from '../../world.ts';

const NAMES = ['red', 'blue', 'green'] as const;
const NICS = { red: '0000:01:00.0', blue: '0000:02:00.0', green: '0000:03:00.0' } as const;

/** Each of three guests has its device from us. */
function settledBasis(): Basis {
  const places = NAMES.map((name, index): Place => ({ at: 'guest', domid: index + 1, domain: name }));
  const records = NAMES.map(name => held(NICS[name], { assignment: name, domain: { name, uuid: `uuid-${name}` } }));
  return {
    observed: observed(
      NAMES.map((name, index) => device(NICS[name], places[index] ?? { at: 'host' }, { permissive: false })),
      NAMES.map((name, index) => {
        const hostdevs = [ours(address(NICS[name]))];
        return domain(name, { domid: index + 1, live: hostdevs, stored: { hostdevs, passthrough: true } });
      }),
    ),
    source: source(NAMES.map(name => assignment(name, name, [entry('lan', NICS[name])]))),
    inventory: new Map(records.map(each => [each.address, each])),
  };
}

function withAssignment(basis: Basis, index: number, spec: Parameters<typeof assignment>[3]): Basis {
  const name = NAMES[index] ?? 'red';
  const other = assignment(name, name, [entry('lan', NICS[name])], spec);
  return { ...basis, source: { ...basis.source, assignments: basis.source.assignments.with(index, other) } };
}

function planOf({ observed: host, source: desired, inventory }: Basis) {
  return plan(host, desired, inventory);
}

/** The devices about which something was decided anew. */
function decidedAnew(before: Planned, after: Planned): string[] {
  return [...after.plan.devices].filter(([at, found]) => before.plan.devices.get(at) !== found).map(([at]) => at);
}

describe('planning again', () => {
  test('after nothing has changed decides nothing', () => {
    const basis = settledBasis();
    const before = replan(undefined, basis);
    const again = replan(before, {
      ...basis,
      observed: { ...basis.observed, devices: new Map(basis.observed.devices) },
    });
    expect(decidedAnew(before, again)).toEqual([]);
    expect(again.plan.devices).toBe(before.plan.devices);
    expect(again.plan.inventory).toBe(basis.inventory);
  });

  test('after one manifest was edited decides about its devices alone', () => {
    const basis = settledBasis();
    const before = replan(undefined, basis);
    const edited = withAssignment(basis, 1, { suspend: true });
    const after = replan(before, edited);
    expect(decidedAnew(before, after)).toEqual([NICS.blue]);
    expect(after.plan).toEqual(planOf(edited));
    expect(after.plan.entries[0]).toBe(before.plan.entries[0]);
    expect(after.plan.devices.get(address(NICS.blue))?.hold?.reason).toBe('Suspended');
  });

  test('after one domain has changed decides about its devices alone', () => {
    const basis = settledBasis();
    const before = replan(undefined, basis);
    const { domains } = basis.observed;
    const paused = { ...(domains[2] ?? domain('green')), state: 'paused' as const };
    const now = { ...basis, observed: { ...basis.observed, domains: domains.with(2, paused) } };
    const after = replan(before, now);
    expect(decidedAnew(before, after)).toEqual([NICS.green]);
    expect(after.plan).toEqual(planOf(now));
  });

  test('decides together what one manifest brings together', () => {
    const basis = settledBasis();
    const before = replan(undefined, basis);
    const both = assignment('red', 'red', [entry('lan', NICS.red), entry('wan', NICS.blue)]);
    const now = { ...basis, source: { ...basis.source, assignments: basis.source.assignments.with(0, both) } };
    const after = replan(before, now);
    expect(decidedAnew(before, after)).toEqual([NICS.red, NICS.blue]);
    expect(after.plan.devices.get(address(NICS.blue))?.hold?.reason).toBe('Conflict');
    // And each for itself again, once it is taken back.
    const back = replan(after, basis);
    expect(back.plan).toEqual(before.plan);
    const last = replan(back, withAssignment(basis, 0, { suspend: true }));
    expect(decidedAnew(back, last)).toEqual([NICS.red]);
  });

  test('after a rule of the whole host has changed decides about all', () => {
    const basis = settledBasis();
    const before = replan(undefined, basis);
    const now = { ...basis, source: { ...basis.source, policy: policy({ allow: ['SharedSlot'] }) } };
    expect(decidedAnew(before, replan(before, now))).toEqual(Object.values(NICS));
  });

  test('holds devices of other parts once too many would leave, and no longer', () => {
    const basis = settledBasis();
    const strict = { ...basis, source: { ...basis.source, policy: policy({ maxDetachesPerPass: 1 }) } };
    const gone = (count: number): Basis => {
      const assignments = strict.source.assignments.slice(count);
      return { ...strict, source: { ...strict.source, assignments } };
    };
    let planned = replan(undefined, strict);
    const reasons = () => [...planned.plan.devices.values()].map(({ hold }) => hold?.reason);
    planned = replan(planned, gone(1));
    expect(reasons()).toEqual([undefined, undefined, undefined]);
    planned = replan(planned, gone(2));
    expect(reasons()).toEqual(['NeedsApproval', 'NeedsApproval', undefined]);
    planned = replan(planned, gone(1));
    expect(reasons()).toEqual([undefined, undefined, undefined]);
    expect(planned.plan).toEqual(planOf(gone(1)));
  });
});
