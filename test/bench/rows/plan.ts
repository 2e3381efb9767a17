import { computeStatus } from '../../../src/controller/status.ts';
import type { Status } from '../../../src/controller/status-types.ts';
import { type Plan, plan } from '../../../src/plan/plan.ts';
import { replan } from '../../../src/plan/replan/replan.ts';
import { type Goal, type Line, measure, type Subject } from '../measure.ts';
import type { Row } from '../row.ts';
import { growth, quantile } from '../samples.ts';
import { type BenchWorld, edited, lookedAt, worldOf } from '../worlds.ts';

const DEVICES = 2_000;
const ROUNDS = 40;
const NOW = Date.UTC(2026, 0, 1);

/** The decision and what is told of it, for a host far larger than any. */
export const planning: Row = {
  name: 'plan',
  title: `plan and status for ${DEVICES} devices, ${DEVICES / 2} assignments and as many domains`,
  async measure() {
    const world = worldOf(DEVICES);
    const size = '2,000 devices, 1,000 assignments, 1,000 domains';
    let planned = planOf(world);
    let round = 0;
    const lines: Line[] = [];
    const line = async (what: string, goal: Goal, run: Subject, note?: string): Promise<void> => {
      lines.push(
        await measure({ what, run, unit: 'ms', rounds: ROUNDS, goal, ...(note === undefined ? {} : { note }) }),
      );
    };
    await line(`plan for ${size}`, { value: 50 }, () => {
      const fresh = afresh(world);
      return timed(() => {
        planned = planOf(fresh);
      });
    });
    let now = world;
    let before = replan(undefined, world);
    const again = (change: (world: BenchWorld, index: number) => BenchWorld) => (): number => {
      now = change(now, round++ % (DEVICES / 2));
      return timed(() => {
        before = replan(before, now);
      });
    };
    await line('the plan after one manifest was edited', { value: 2 }, again(edited));
    await line('the plan after one domain was paused or resumed', { value: 2 }, again(lookedAt));
    await line('status of the whole plan', {}, () => timed(() => statusOf(world, planned)));
    let status = statusOf(now, before.plan);
    await line('status after one manifest was edited', {}, () => {
      again(edited)();
      return timed(() => {
        status = statusOf(now, before.plan, status);
      });
    });
    return lines;
  },
};

const SIZES = [10, 30, 100, 300, 1_000, 2_000] as const;
const REPEATS = 9;
const GROWTH_ROUNDS = 7;

/** How the cost grows with the host. */
export const growing: Row = {
  name: 'growth',
  title: `growth of plan and status from ${SIZES[0]} to ${SIZES.at(-1)} devices`,
  async measure() {
    const worlds = SIZES.map(size => {
      const world = worldOf(size);
      return { size, world, planned: planOf(world) };
    });
    type Sized = (typeof worlds)[number];
    const exponent = (what: string, run: (sized: Sized) => () => unknown): Promise<Line> =>
      measure({
        what: `${what}, growth with the devices (${SIZES[0]} to ${SIZES.at(-1)}; 1 is linear)`,
        run: () =>
          growth(worlds.map(sized => ({ size: sized.size, cost: medianOf(REPEATS, () => timed(run(sized))) }))),
        unit: 'exponent',
        goal: { value: 1.1 },
        rounds: GROWTH_ROUNDS,
      });
    return [
      await exponent('plan', ({ world }) => {
        const fresh = afresh(world);
        return () => planOf(fresh);
      }),
      await exponent('plan after one manifest was edited', ({ world }) => {
        const before = replan(undefined, world);
        const next = edited(world, 0);
        return () => replan(before, next);
      }),
      await exponent(
        'status',
        ({ world, planned }) =>
          () =>
            statusOf(world, planned),
      ),
    ];
  },
};

function planOf({ observed, source, inventory }: BenchWorld): Plan {
  return plan(observed, source, inventory);
}

function statusOf({ observed, source }: BenchWorld, planned: Plan, previous?: Status): Status {
  const before = previous === undefined ? {} : { previous };
  return computeStatus({ plan: planned, observed, source, ...before, failure: () => undefined, open: [], now: NOW });
}

/** The same world as another look and another reading would find it: nothing is known of these objects yet. */
function afresh({ observed, source, inventory }: BenchWorld): BenchWorld {
  return {
    observed: { ...observed, devices: new Map(observed.devices), domains: [...observed.domains] },
    source: { ...source, assignments: [...source.assignments] },
    inventory,
  };
}

/** @returns how long it took, ms. */
function timed(run: () => unknown): number {
  const before = performance.now();
  run();
  return performance.now() - before;
}

function medianOf(count: number, sample: () => number): number {
  return quantile(Array.from({ length: count }, sample), 0.5);
}
