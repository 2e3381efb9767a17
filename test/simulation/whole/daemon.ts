import { isDeepStrictEqual } from 'node:util';
import type { Address } from '../../../src/api/address.ts';
import type { Suspensions } from '../../../src/api/suspension.ts';
import { Controller } from '../../../src/controller/controller.ts';
import type { Look, Pass } from '../../../src/controller/look.ts';
import type { GivenStore, InventoryStore, Source } from '../../../src/controller/ports.ts';
import type { Report } from '../../../src/controller/report.ts';
import { decodeGiven, encodeGiven } from '../../../src/daemon/given-file.ts';
import { decodeInventory, encodeInventory } from '../../../src/daemon/inventory-record.ts';
import type { HeldDevice } from '../../../src/plan/inventory.ts';
import { plan } from '../../../src/plan/plan.ts';
import { standingOf } from '../../../src/plan/standing.ts';
import { type Step, stepIdentity, stepKey, stepText } from '../../../src/plan/step.ts';
import { withSuspensions } from '../../../src/plan/suspended.ts';
import { FolderSource } from '../../../src/source/folder-source.ts';
import type { LastGoodStore } from '../../../src/source/last-good.ts';
import type { Overlay } from '../../../src/source/overlay.ts';
import { Believed, type Over } from './believed.ts';
import { FOLDER, type Found, lastGoodOn, parsed, readFrom, replaceOn, treeOf } from './folder.ts';
import { SimulatedHost } from './host.ts';
import { Broken, Laws, type Recorded } from './laws.ts';
import { Life, type Span } from './life.ts';
import { Shown } from './shown.ts';
import type { World } from './world.ts';

const RESYNC_MS = 30_000;

/** What outlives the daemon, and is not on its disk: what the judges of a run know. */
export interface Court {
  readonly given: Set<string>;
  /** What was shown to lives that have had time to keep it. */
  readonly shown: Shown;
  /** What was shown to any life: it may have kept that, and have been killed before its pass ended. */
  readonly everShown: Shown;
  readonly report: (broken: Broken) => void;
}

/** The daemon of one life: the real controller, planner and source, and below them the world. */
export class Daemon {
  readonly life: Life;
  readonly believed: Believed;
  readonly host: SimulatedHost;
  /** The keys whose last step failed though nothing was made to fail. */
  readonly failed: Set<string> = new Set();
  /** The steps that were begun since everything works. */
  readonly #honest = new WeakSet<Step>();
  /** Requests that have not been answered. */
  unanswered = 0;
  /** What it has been shown, and what those before it have kept. */
  readonly shown: Shown = new Shown();
  look: Look | undefined;
  passes = 0;
  /** The steps that this pass has said to be done. */
  readonly #performed = new Set<string>();
  isStopping = false;
  hasEnded = false;
  readonly #world: World;
  readonly #controller: Controller;
  readonly #source: FolderSource;
  readonly #court: Court;

  constructor(world: World, span: Span, court: Court, onPass: (pass: Pass) => void) {
    this.#world = world;
    this.#court = court;
    const { chaos, disk, model, trace, tally } = world;
    const life = new Life(world.time, span, where => {
      chaos.count('killed');
      trace.note(`killed at ${where}`);
    });
    this.life = life;
    this.believed = new Believed();
    this.shown.goOnFrom(court.shown);
    const laws = new Laws({
      model,
      believed: this.believed,
      recorded: () => recordedIn(disk.record),
      approvals: () => world.approvals.filter(({ until }) => until > world.time.wall()),
      given: court.given,
      shown: this.shown,
      everShown: court.everShown,
      isStopped: () => this.isStopping,
      report: court.report,
    });
    this.host = new SimulatedHost(world, life, laws);
    const found: Found = { scan: undefined, files: new Map() };
    this.#source = new FolderSource({
      folder: FOLDER,
      host: { names: ['dom0'] },
      lastGood: this.#lastGood(),
      overlays: { read: () => this.#overlays(), onHint: hint => this.#onState(hint) },
      tree: treeOf(world.folder, life, chaos, found),
    });
    const source: Source = {
      read: async () => {
        const snapshot = await this.#source.read();
        await life.point('end of reading the manifests');
        const { suspended } = world;
        const trial = this.#trial;
        this.believed.read(found, { suspended, ...(trial === undefined ? {} : { trial }) });
        return withSuspensions(snapshot, suspensionsOf(suspended));
      },
      onHint: hint => {
        const ends = [this.#source.onHint(hint), this.#onState(() => hint('suspensions'))];
        return () => {
          for (const end of ends) end();
        };
      },
      close: () => this.#source.close(),
    };
    this.#controller = new Controller({
      host: this.host,
      source,
      store: this.#store(),
      given: this.#given(),
      approvals: { load: () => this.#approvals(), onHint: () => () => undefined },
      clock: life.clock,
      resyncMs: RESYNC_MS,
      report: what => {
        if (!life.isDead) this.#reported(what);
      },
      onPass: pass => {
        if (life.isDead) return;
        tally.passes += 1;
        this.passes += 1;
        this.#performed.clear();
        this.look = pass.look;
        if (pass.look !== undefined) court.shown.become(this.shown);
        if (pass.look !== undefined && !isPlannedAfresh(pass.look)) {
          court.report(new Broken('replanned', 'the plan is not the one that is made from scratch'));
        }
        onPass(pass);
      },
    });
  }

  /** How many listen to hints, and how many timers and calls are open. */
  get load(): { readonly listeners: number; readonly timers: number; readonly calls: number; readonly waits: number } {
    return {
      listeners: this.host.listeners + this.#world.folder.watches + this.#world.stateWatches,
      timers: this.life.timers,
      calls: this.host.open,
      waits: this.life.waits,
    };
  }

  /** Runs until it is stopped or dies. */
  start(): void {
    const { report } = this.#court;
    this.#world.tally.lives += 1;
    this.#world.trace.note('start');
    this.#controller.run().then(
      () => {
        if (this.life.isDead) return;
        this.hasEnded = true;
        this.#onEnd?.();
        if (!this.isStopping) report(new Broken('crashed', 'the loop ended by itself'));
      },
      (error: unknown) => {
        if (!this.life.isDead) report(new Broken('crashed', error instanceof Error ? `${error.stack}` : String(error)));
      },
    );
  }

  /** `xenpci reconcile` of a person: everything may be tried again now. */
  retry(): void {
    this.unanswered += 1;
    void this.#controller.retry().then(() => {
      this.unanswered -= 1;
    });
  }

  /** As systemd stops it. */
  stop(graceMs: number, stopped: () => void): void {
    this.isStopping = true;
    void this.#controller
      .stop(graceMs)
      .then(() => this.#source.close())
      .then(() => {
        if (!this.life.isDead) this.#whenEnded(stopped);
      })
      .catch((error: unknown) => this.#court.report(new Broken('crashed', `the stop: ${error}`)));
  }

  #onEnd: (() => void) | undefined;
  /** The trial that the manifests were last read with. */
  #trial: Over['trial'] | undefined;

  async #overlays(): Promise<readonly Overlay[]> {
    const { chaos, trial, time } = this.#world;
    await this.life.point('load of the trial');
    if (chaos.strikes('loadFailed')) throw new Error('the trial cannot be read: input/output error (EIO)');
    const isOn = trial !== undefined && trial.until > time.elapsed;
    this.#trial = isOn ? { path: trial.path, file: parsed(trial.path, trial.text) } : undefined;
    return isOn ? [{ path: trial.path, bytes: Buffer.from(trial.text) }] : [];
  }

  #onState(hint: () => void): () => void {
    return this.life.untilDeath(this.#world.onState(() => this.#world.chaos.hint(this.life, hint)));
  }

  #whenEnded(then: () => void): void {
    if (this.hasEnded) then();
    else this.#onEnd = then;
  }

  #lastGood(): LastGoodStore {
    const store = lastGoodOn(this.#world.disk, this.life, this.#world.chaos);
    return {
      load: async () => {
        const texts = await store.load();
        this.believed.remember(new Map([...texts].map(([path, text]) => [path, parsed(path, text)])));
        return texts;
      },
      save: store.save,
    };
  }

  #store(): InventoryStore {
    const { disk, chaos } = this.#world;
    return {
      load: () =>
        readFrom(disk, this.life, chaos, () => (disk.record === undefined ? new Map() : decodeInventory(disk.record))),
      save: inventory =>
        replaceOn(disk, this.life, chaos, () => {
          disk.record = encodeInventory(inventory);
        }),
    };
  }

  #given(): GivenStore {
    const { disk, chaos } = this.#world;
    return {
      load: () => readFrom(disk, this.life, chaos, () => decodeGiven(disk.given ?? '')),
      save: given =>
        replaceOn(disk, this.life, chaos, () => {
          disk.given = encodeGiven(given);
        }),
    };
  }

  async #approvals(): Promise<World['approvals']> {
    await this.life.point('load of the approvals');
    if (this.#world.chaos.strikes('loadFailed')) throw new Error('input/output error (EIO)');
    return this.#world.approvals;
  }

  #reported(what: Report): void {
    const { trace, tally } = this.#world;
    switch (what.type) {
      case 'StepStarted':
        tally.steps += 1;
        if (this.#performed.has(stepIdentity(what.step)))
          this.#court.report(new Broken('untrue', `${stepText(what.step)} is said to be done, and is begun again`));
        if (this.#world.isCalm) this.#honest.add(what.step);
        return;
      case 'StepPerformed':
        this.failed.delete(stepKey(what.step));
        this.#performed.add(stepIdentity(what.step));
        trace.note(trace.isRead ? `done: ${stepText(what.step)}` : 'done');
        return;
      case 'StepFailed':
        if (this.#honest.has(what.step)) this.failed.add(stepKey(what.step));
        trace.note(trace.isRead ? `judged to have failed: ${stepText(what.step)}: ${what.error}` : 'failed');
        return;
      case 'LookFailed':
      case 'RecordFailed':
        this.#performed.clear();
        trace.note(`${what.type}: ${what.error}`);
        return;
      case 'StatusChanged':
        trace.note(trace.isRead ? `status: ${statusText(what)}` : 'status');
        return;
      default:
        trace.note(what.type);
    }
  }
}

function statusText({ status }: Extract<Report, { type: 'StatusChanged' }>): string {
  return status.assignments
    .map(({ name, conditions }) => {
      const [ready] = conditions;
      return `${name} ${ready?.status === 'True' ? '' : 'not '}ready (${ready?.reason}: ${ready?.message})`;
    })
    .join('; ');
}

let lastRecord: string | undefined;
let lastRecorded: Recorded = new Map();

/** The devices in a record, of which there are few between two steps. */
function recordedIn(record: string | undefined): Recorded {
  if (record === lastRecord) return lastRecorded;
  lastRecord = record;
  lastRecorded = new Map(record === undefined ? [] : devicesIn(record));
  return lastRecorded;
}

function devicesIn(record: string): [Address, HeldDevice['domain']][] {
  const { devices } = JSON.parse(record) as { devices: readonly HeldDevice[] };
  return devices.map(({ address, domain }) => [address, domain]);
}

function suspensionsOf(suspended: World['suspended']): Suspensions {
  if (suspended === 'all') return { unusable: 'input/output error (EIO)' };
  return { suspended: [...suspended].map(assignment => ({ assignment, since: 0, by: 'root' })), resumed: [] };
}

/** Whether nothing has been taken over from an earlier plan that does not hold any more. */
function isPlannedAfresh({ plan: decided, observed, source, inventory, approvals, failures }: Look): boolean {
  return isDeepStrictEqual(decided, plan(observed, source, inventory, standingOf(approvals, failures)));
}
