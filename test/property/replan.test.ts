import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Plan, plan } from '../../src/plan/plan.ts';
import type { Planned } from '../../src/plan/replan/planned.ts';
import { replan } from '../../src/plan/replan/replan.ts';
import { changes, type Scene, scene } from './scenes.ts';

/** The plan from scratch, of objects that nothing is known of. */
function afresh({ basis, standing }: Scene): Plan {
  const { observed: host, source: desired, inventory } = structuredClone(basis);
  return plan(host, desired, inventory, standing);
}

describe('a plan that takes over from an earlier one', { timeout: 180_000 }, () => {
  test('is the plan that is made from scratch, whatever changed in between', () => {
    fc.assert(
      fc.property(scene, changes, (start, list) => {
        let now = start;
        let planned: Planned | undefined;
        for (const change of [undefined, ...list]) {
          if (change !== undefined && planned !== undefined) now = change(now, planned.plan);
          planned = replan(planned, now.basis, now.standing);
          expect(planned.plan).toEqual(afresh(now));
          expect([...planned.plan.devices.keys()]).toEqual([...afresh(now).devices.keys()]);
          const { basis, standing } = now;
          const isKept = plan(basis.observed, basis.source, basis.inventory, standing).inventory === basis.inventory;
          expect(planned.plan.inventory === basis.inventory).toBe(isKept);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
