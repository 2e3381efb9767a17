import type { Address } from '../api/address.ts';
import type { SourceSnapshot } from '../api/manifest.ts';
import { hostAfter } from './effects.ts';
import type { Inventory } from './inventory.ts';
import type { Observed } from './observed.ts';
import { nextSteps, type Plan, plan } from './plan.ts';
import type { Standing } from './standing.ts';
import { type DeviceStep, type Step, stepText } from './step.ts';

/** A host and what is remembered of it, at one moment of a course. */
export interface Stage {
  readonly observed: Observed;
  readonly inventory: Inventory;
}

/** How a host comes to rest, if every step takes hold and nothing else happens. */
export interface Course {
  /** As it was and after each round of steps, before and after the plan was remembered. */
  readonly stages: readonly Stage[];
  readonly steps: readonly Step[];
  /** Where it rests, and the plan that has nothing left to do. */
  readonly end: Stage & { readonly plan: Plan };
}

/** A move takes four steps; more rounds than this are a defect. */
const ROUNDS_MAX = 50;

/**
 * Follows the plan as the loop does, without a host: plan, one step for each device, plan again, until nothing is left.
 * @throws {Error} when the plan does not come to its end, or a step is illegal: the planner is wrong then.
 */
export function follow(from: Stage, source: SourceSnapshot, standing: Standing): Course {
  const stages: Stage[] = [from];
  const steps: Step[] = [];
  let { observed, inventory } = from;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const decided = plan(observed, source, inventory, standing);
    if (inventory !== decided.inventory) stages.push({ observed, inventory: decided.inventory });
    inventory = decided.inventory;
    const next = nextSteps(decided);
    if (next.length === 0) return { stages, steps, end: { observed, inventory, plan: decided } };
    for (const step of next) observed = taken(observed, step);
    steps.push(...next);
    stages.push({ observed, inventory });
  }
  throw new Error(`the plan comes to no end: ${steps.slice(-4).map(stepText).join(', ')}`);
}

function taken(observed: Observed, step: Step): Observed {
  const after = hostAfter(observed, step);
  if (after === undefined) throw new Error(`the plan has a step that cannot be taken: ${stepText(step)}`);
  return after;
}

/** The steps of one device, in their order. */
export function stepsOf(steps: readonly Step[], address: Address): DeviceStep[] {
  return steps.filter((step): step is DeviceStep => step.verb !== 'configure' && step.device === address);
}
