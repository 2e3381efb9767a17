import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StatusInput } from '../../src/controller/assignment-conditions.ts';
import type { Failure } from '../../src/controller/backoff.ts';
import { computeStatus } from '../../src/controller/status.ts';
import type { Status } from '../../src/controller/status-types.ts';
import { nextSteps } from '../../src/plan/plan.ts';
import type { Planned } from '../../src/plan/replan/planned.ts';
import { replan } from '../../src/plan/replan/replan.ts';
import { stepKey } from '../../src/plan/step.ts';
import { changes, type Scene, scene } from './scenes.ts';

/** How long it is to the next look, and which of the next steps have failed or are under way. */
interface Moment {
  readonly later: number;
  readonly failing: readonly number[];
  readonly open: readonly number[];
}

const moment: fc.Arbitrary<Moment> = fc.record({
  later: fc.constantFrom(1_000, 31_000, 700_000, -600_000),
  failing: fc.array(fc.nat(3), { maxLength: 1 }),
  open: fc.array(fc.nat(3), { maxLength: 1 }),
});

/** What is to be told of a scene at a moment. @param known the failures so far: one that goes on is the same object. */
function inputAt(
  { basis: { observed, source } }: Scene,
  { plan }: Planned,
  { failing, open }: Moment,
  { now, known }: { readonly now: number; readonly known: Map<string, Failure> },
): StatusInput {
  const steps = nextSteps(plan);
  const failed = new Set(failing.flatMap(which => steps[which] ?? []).map(stepKey));
  for (const key of failed) known.set(key, known.get(key) ?? { count: 1, since: now, until: now, error: 'it jams' });
  const failure = (key: string): Failure | undefined => (failed.has(key) ? known.get(key) : undefined);
  return { plan, observed, source, failure, open: open.flatMap(which => steps[which] ?? []), now };
}

function statusOf(input: StatusInput, previous: Status | undefined): Status {
  return computeStatus({ ...input, ...(previous === undefined ? {} : { previous }) });
}

/** The status of objects that nothing is known of. */
function afresh(input: StatusInput, previous: Status | undefined): Status {
  const { plan, observed, source, open } = input;
  const fresh = structuredClone({ input: { plan, observed, source, open }, previous });
  return statusOf({ ...input, ...fresh.input }, fresh.previous);
}

test('a status with what it takes over from the one before is the status that is made from scratch', () => {
  fc.assert(
    fc.property(scene, changes, fc.infiniteStream(moment), (start, list, moments) => {
      let at = start;
      let now = 0;
      let planned: Planned | undefined;
      let previous: Status | undefined;
      const known = new Map<string, Failure>();
      for (const change of [undefined, ...list]) {
        if (change !== undefined && planned !== undefined) at = change(at, planned.plan);
        planned = replan(planned, at.basis, at.standing);
        const next: Moment = moments.next().value;
        now += next.later;
        const input = inputAt(at, planned, next, { now, known });
        const status = statusOf(input, previous);
        expect(status).toEqual(afresh(input, previous));
        previous = status;
      }
    }),
    { numRuns: 2_000 },
  );
}, 180_000);
