import { setTimeout as wait } from 'node:timers/promises';
import type { RunningController } from './controller.ts';
import type { Manifests } from './editing.ts';
import type { Guest } from './world.ts';

/** What the far side knows: see far-side.ts. */
export interface Truth {
  readonly holders: Readonly<Record<string, string>>;
  readonly domids: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

/** Waits until nothing is left to do. @returns how long it took, ms. @throws when it takes longer than `limitMs`. */
export async function untilAtRest(controller: RunningController, limitMs: number): Promise<number> {
  const began = performance.now();
  for (;;) {
    const left = await controller.left();
    const elapsedMs = performance.now() - began;
    if (left.steps + left.holds + left.problems === 0) return elapsedMs;
    if (elapsedMs > limitMs) throw new Error(`not at rest after ${limitMs / 1000} s: ${JSON.stringify(left)}`);
    await wait(250);
  }
}

/** What is not as the manifests say, by the controller's status and by the far side itself; empty when all is. */
export async function differences(
  controller: RunningController,
  manifests: Manifests,
  guests: readonly Guest[],
  truth: Truth,
): Promise<string[]> {
  const shown = new Map((await controller.assignments()).map(each => [each.metadata.name, each]));
  const found = [...truth.violations];
  for (const { name, devices, running } of guests) {
    const said = manifests.wishes.get(name);
    const ready = shown.get(name)?.status.conditions.find(({ type }) => type === 'Ready');
    if (ready?.observedGeneration !== said?.hash) found.push(`${name}: the status is of other content`);
    if (ready?.status !== 'True') found.push(`${name}: ${ready?.reason}: ${ready?.message}`);
    for (const [index, device] of devices.entries()) {
      const wanted = running && index < (said?.wish.devices ?? 0) ? name : undefined;
      if (truth.holders[device] !== wanted) found.push(`${device}: ${truth.holders[device]} has it, not ${wanted}`);
    }
  }
  return found;
}
