import assert from 'node:assert/strict';
import type { SourceSnapshot } from '../../src/api/manifest.ts';
import { type Clock, type Host, HostError, type InventoryStore } from '../../src/controller/ports.ts';
import { Reconciler } from '../../src/controller/reconciler.ts';
import type { Approval } from '../../src/plan/approval.ts';
import type { Inventory } from '../../src/plan/inventory.ts';
import { samePlace } from '../../src/plan/observed.ts';
import { plan, planSteps } from '../../src/plan/plan.ts';
import type { Step } from '../../src/plan/step.ts';
import { Model } from '../../src/simulator/model/model.ts';
import { observe } from '../../src/simulator/observe.ts';
import { perform } from '../../src/simulator/perform.ts';
import { type Random, seeded } from './random.ts';
import { DEVICES, randomSource, randomWorld } from './worlds.ts';

/** What was tried and what came of it, summed up over all runs. */
export interface Tally {
  worlds: number;
  /** Steps that changed the world. */
  steps: number;
  refused: number;
  doneButFailed: number;
  claimedButNotDone: number;
  killed: number;
  lookFailed: number;
  passes: number;
}

export const NOTHING: Tally = {
  worlds: 0,
  steps: 0,
  refused: 0,
  doneButFailed: 0,
  claimedButNotDone: 0,
  killed: 0,
  lookFailed: 0,
  passes: 0,
};

const FAULT_RATE = 0.3;
const PASSES_MAX = 2_000;

/** One world: brought to what is wanted, then to something else that is wanted, with faults all the way. */
export async function runWorld(seed: number, tally: Tally): Promise<void> {
  const random = seeded(seed);
  const model = new Model(randomWorld(random));
  const approved = random.chance(0.7) ? everything(model) : [];
  const memory: Memory = { inventory: new Map(), now: 0, approved };
  for (let phase = 0; phase < 2; phase++) await converge(model, memory, randomSource(random), random, tally, seed);
  assert.deepEqual(model.dom0.violations, [], `seed ${seed}`);
  tally.worlds++;
}

/** What survives the controller's death: the record on disk, and time. */
interface Memory {
  inventory: Inventory;
  now: number;
  readonly approved: readonly Approval[];
}

/** A person has approved every detach there can be. */
function everything({ dom0 }: Model): Approval[] {
  return [...dom0.domains.values()].flatMap(({ uuid, instance }) =>
    instance === undefined
      ? []
      : DEVICES.map(device => ({ device, uuid, domid: instance.domid, until: Number.POSITIVE_INFINITY })),
  );
}

async function converge(
  model: Model,
  memory: Memory,
  desired: SourceSnapshot,
  random: Random,
  tally: Tally,
  seed: number,
): Promise<void> {
  const standing = { approved: memory.approved, failures: () => 0 };
  const first = plan(observe(model), desired, memory.inventory, standing);
  const needed = planSteps(first).length;
  const before = tally.steps;
  const life = { done: false, rounds: 0 };
  while (!life.done) await liveOnce(model, memory, desired, random, tally, life, seed);
  const end = observe(model);
  for (const device of first.devices.values()) {
    if (device.want === undefined || device.have === undefined) continue;
    const found = end.devices.get(device.address)?.place;
    assert.ok(found !== undefined && samePlace(found, device.want), `seed ${seed}: ${device.address} is not in place`);
  }
  assert.deepEqual(
    planSteps(plan(end, desired, memory.inventory, standing)),
    [],
    `seed ${seed}: something is left to do`,
  );
  assert.equal(tally.steps - before, needed, `seed ${seed}: not exactly the needed steps`);
}

/** One life of the controller: until nothing is left to do, or until it is killed in the middle of a step. */
async function liveOnce(
  model: Model,
  memory: Memory,
  desired: SourceSnapshot,
  random: Random,
  tally: Tally,
  life: { done: boolean; rounds: number },
  seed: number,
): Promise<void> {
  const world = new FaultyHost(model, random, tally);
  let ended = 0;
  const reconciler = new Reconciler({
    host: world,
    source: { read: async () => desired, onHint: () => () => undefined, close: async () => undefined },
    store: storeOf(memory),
    approvals: { load: async () => memory.approved, onHint: () => () => undefined },
    clock: clockOf(memory),
    report: () => undefined,
    onFinished: () => {
      ended++;
    },
  });
  let started = 0;
  for (;;) {
    assert.ok(++life.rounds < PASSES_MAX, `seed ${seed} does not come to an end`);
    tally.passes++;
    const result = await reconciler.pass(new AbortController().signal);
    if (result.looked && result.remaining === 0) {
      life.done = true;
      return;
    }
    started += result.started;
    // Every answer is a chain of promises without a timer in it, so a few turns bring it.
    for (let turn = 0; ended < started && !world.killed; turn++) {
      assert.ok(turn < 10_000, `seed ${seed}: a step never ends`);
      await (turn % 50 === 49 ? new Promise(resolve => setImmediate(resolve)) : Promise.resolve());
    }
    if (world.killed) return;
    model.settle();
    if (result.started === 0) memory.now = Math.max(memory.now + 1, result.nextDue ?? memory.now);
  }
}

/** The model behind the controller's interface, with things going wrong. */
class FaultyHost implements Host {
  killed = false;
  readonly #model: Model;
  readonly #random: Random;
  readonly #tally: Tally;

  constructor(model: Model, random: Random, tally: Tally) {
    this.#model = model;
    this.#random = random;
    this.#tally = tally;
  }

  async observe() {
    if (this.#random.chance(0.02)) {
      this.#tally.lookFailed++;
      throw new HostError('Unreachable', 'injected: no look');
    }
    return observe(this.#model);
  }

  async perform(step: Step): Promise<void> {
    // A dead controller takes no further step; its promises never settle, as in life.
    if (this.killed) return new Promise(() => undefined);
    const fault = this.#random.chance(FAULT_RATE) ? Math.floor(this.#random.next() * 5) : -1;
    if (fault === 0) {
      this.#tally.refused++;
      throw new HostError('StepFailed', 'injected: refused');
    }
    if (fault === 1) {
      this.#tally.claimedButNotDone++;
      return;
    }
    if (fault === 2) return this.#die();
    perform(this.#model, step);
    this.#tally.steps++;
    if (fault === 3) {
      this.#tally.doneButFailed++;
      throw new HostError('DeadlineExceeded', 'injected: done, but reported as failed');
    }
    if (fault === 4) return this.#die();
  }

  #die(): Promise<void> {
    this.killed = true;
    this.#tally.killed++;
    return new Promise(() => undefined);
  }

  onHint(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {}
}

function storeOf(memory: Memory): InventoryStore {
  return {
    load: async () => memory.inventory,
    save: async inventory => {
      memory.inventory = inventory;
    },
  };
}

/** Deadlines never pass: no operation of the model takes time. */
function clockOf(memory: Memory): Clock {
  return { now: () => memory.now, asleepMs: () => 0, after: () => () => undefined };
}
