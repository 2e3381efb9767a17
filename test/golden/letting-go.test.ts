import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PCIHostPolicy, SourceSnapshot } from '../../src/api/manifest.ts';
import { Reconciler } from '../../src/controller/reconciler.ts';
import type { Report } from '../../src/controller/report.ts';
import { createHost } from '../../src/host/index.ts';
import type { Inventory } from '../../src/plan/inventory.ts';
import { placeText } from '../../src/plan/observed.ts';
import { DEFAULT_WORLD, observe } from '../../src/simulator/index.ts';
import { address, assignment, entry, policy, source } from '../world.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

const NIC = '0000:01:00.0';
const UUID = '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0b00';
/** Two guests that run; red has been given the card by us. */
const world = (type: 'pv' | 'hvm') => ({
  ...DEFAULT_WORLD,
  domains: ['red', 'blue'].map((name, index) => ({
    name,
    uuid: `${UUID}${index}`,
    type,
    passthrough: true,
    running: true,
  })),
});

/** A simulated dom0, the production host on it, and a controller whose time a test owns. */
class Stage {
  readonly #sim: SimulatedHost;
  readonly #reconciler: Reconciler;
  readonly reports: Report[] = [];
  desired: SourceSnapshot = toRed();
  /** Called when a step has begun. */
  onStep: () => void = () => undefined;
  #now = 0;
  #inventory: Inventory = new Map();
  #finished: () => void = () => undefined;
  /** Steps under way. */
  #running = 0;

  private constructor(sim: SimulatedHost) {
    this.#sim = sim;
    const host = createHost(sim.dom0.layout, { settleMs: 150 });
    onTestFinished(async () => {
      await host.close();
      await sim.end();
    });
    this.#reconciler = new Reconciler({
      host,
      source: { read: async () => this.desired, onHint: () => () => undefined, close: async () => undefined },
      store: {
        load: async () => this.#inventory,
        save: async inventory => {
          this.#inventory = inventory;
        },
      },
      clock: { now: () => this.#now, asleepMs: () => 0, after: () => () => undefined },
      report: report => {
        this.reports.push(report);
        if (report.type !== 'StepStarted') return;
        this.#running += 1;
        this.onStep();
      },
      onFinished: () => {
        this.#running -= 1;
        this.#finished();
      },
    });
  }

  /** With the card in red. */
  static async open(type: 'pv' | 'hvm' = 'pv'): Promise<Stage> {
    const stage = new Stage(await simulatedHost(world(type)));
    await stage.passes();
    expect(stage.place()).toBe('guest red');
    return stage;
  }

  get root(): string {
    return this.#sim.root;
  }

  get model(): SimulatedHost['dom0']['model'] {
    return this.#sim.dom0.model;
  }

  get faults(): SimulatedHost['dom0']['faults'] {
    return this.#sim.dom0.faults;
  }

  /** Looks and steps until nothing is left to do, or so many times; time goes on to each next try. */
  async passes(max = 40): Promise<void> {
    for (let count = 0; count < max; count++) {
      const finished = new Promise<void>(resolve => {
        this.#finished = resolve;
      });
      const result = await this.#reconciler.pass(new AbortController().signal);
      if (result.looked && result.remaining === 0) return;
      if (this.#running > 0) await finished;
      else this.#now = Math.max(this.#now + 1, result.nextDue ?? 0);
    }
  }

  place(): string {
    const found = observe(this.model).devices.get(address(NIC));
    return found === undefined ? 'nowhere' : placeText(found.place);
  }

  /** The last thing that went wrong. */
  failure(): string | undefined {
    return this.reports.flatMap(report => (report.type === 'StepFailed' ? [report.error] : [])).at(-1);
  }

  /** Why the card waits. */
  wait(): string | undefined {
    return this.#reconciler.status?.devices.find(device => device.address === NIC)?.wait?.reason;
  }

  /** A program that makes guests let go: this script, with $ROOT for a folder of the test. */
  program(script: string): string {
    const path = join(this.#sim.root, 'let-go');
    writeFileSync(path, `#!/bin/sh\nROOT=${this.#sim.root}\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  read(file: string): string | undefined {
    const path = join(this.#sim.root, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }
}

function rules(spec: Partial<PCIHostPolicy['spec']>): Partial<SourceSnapshot> {
  return { policy: policy(spec) };
}

function toRed(spec: Partial<PCIHostPolicy['spec']> = {}): SourceSnapshot {
  return source([assignment('red', 'red', [entry('lan', NIC)]), assignment('blue', 'blue', [])], rules(spec));
}

function toBlue(spec: Partial<PCIHostPolicy['spec']> = {}): SourceSnapshot {
  return source([assignment('red', 'red', []), assignment('blue', 'blue', [entry('lan', NIC)])], rules(spec));
}

describe('a device leaves a guest', () => {
  test('that is told first, at its own address, again when that has failed; until then it stays', async () => {
    const stage = await Stage.open();
    const command = [stage.program('echo "red sleeps" >&2; exit 4'), '{domain}', '{guestDevice}'];
    const guestUnbind = { command, timeoutSeconds: 30, onFailure: 'Refuse' } as const;
    stage.desired = toBlue({ guestUnbind });
    await stage.passes(6);
    expect(stage.place()).toBe('guest red');
    expect(stage.failure()).toMatch(/exit code 4; it said: red sleeps; 0000:01:00.0 stays with red$/);
    stage.program('echo "$@" >$ROOT/told');
    await stage.passes();
    expect(stage.place()).toBe('guest blue');
    expect(stage.read('told')).toBe('red 0000:00:00.0\n');
    expect(stage.model.dom0.violations).toEqual([]);
  });

  test('that is paused: it waits until the guest is resumed', async () => {
    const stage = await Stage.open();
    stage.model.setPaused('red', true);
    stage.desired = toBlue();
    await stage.passes();
    expect([stage.place(), stage.wait(), stage.failure()]).toEqual(['guest red', 'DomainPaused', undefined]);
    stage.model.setPaused('red', false);
    await stage.passes();
    expect(stage.place()).toBe('guest blue');
  });

  test.each(['pv', 'hvm'] as const)('that refuses (%s): nobody else gets it, and it is told why', async type => {
    const stage = await Stage.open(type);
    stage.model.setRefusing('red', true);
    stage.desired = toBlue();
    await stage.passes(14);
    expect(stage.place()).toBe('guest red');
    const words = {
      pv: /has not ended: state 7, 0000:01:00.0 state 5.*; it goes on when red lets go of 0000:01:00.0, or is restarted$/,
      hvm: /timed out waiting for DM to remove/,
    };
    expect(stage.failure()).toMatch(words[type]);
    stage.model.setRefusing('red', false);
    stage.model.settle();
    await stage.passes();
    expect(stage.place()).toBe('guest blue');
    expect(stage.model.dom0.violations).toEqual([]);
  });

  test('that refuses, by force where the policy says so and only after three failures', async () => {
    const stage = await Stage.open('hvm');
    stage.model.setRefusing('red', true);
    stage.desired = toBlue({ forceDetach: true });
    await stage.passes();
    expect(stage.place()).toBe('guest blue');
    const detaches = stage.reports.filter(report => report.type === 'StepStarted' && report.step.verb === 'detach');
    expect(detaches.map(report => 'step' in report && 'force' in report.step)).toEqual([false, false, false, true]);
    expect(stage.model.dom0.violations).toEqual([]);
  });

  test.each(['destroy', 'crash', 'powerOff', 'reboot'] as const)('that ends in the middle of it: %s', async end => {
    const stage = await Stage.open();
    stage.faults.add({ operation: 'detach', delayMs: 300 });
    stage.desired = toBlue();
    stage.onStep = () => {
      const [step] = stage.reports.flatMap(report => (report.type === 'StepStarted' ? [report.step] : [])).slice(-1);
      if (step?.verb !== 'detach') return;
      stage.onStep = () => undefined;
      setTimeout(() => stage.model[end]('red'), 100);
    };
    await stage.passes();
    expect(stage.place()).toBe('guest blue');
    expect(stage.model.dom0.violations).toEqual([]);
  });

  test('that ends while it is being told: so does the telling', async () => {
    const stage = await Stage.open();
    const program = stage.program('trap "touch $ROOT/ended; exit 1" TERM; touch $ROOT/begun; sleep 600 & wait');
    const guestUnbind = { command: [program], timeoutSeconds: 90, onFailure: 'Refuse' } as const;
    stage.desired = toBlue({ guestUnbind });
    const moved = stage.passes();
    await expect.poll(() => stage.read('begun'), { timeout: 20_000 }).toBe('');
    stage.model.destroy('red');
    await moved;
    expect(stage.read('ended')).toBe('');
    expect(stage.place()).toBe('guest blue');
    expect(stage.model.dom0.violations).toEqual([]);
  });
});
