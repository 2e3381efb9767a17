import type { Pass } from '../../../src/controller/look.ts';
import { detachesToApprove, inForce } from '../../../src/plan/approval.ts';
import { nextSteps } from '../../../src/plan/plan.ts';
import { stepKey, stepText } from '../../../src/plan/step.ts';
import { type Random, seeded } from '../random.ts';
import { actSomehow } from './actors.ts';
import { Chaos, type Rates } from './chaos.ts';
import { type Court, Daemon } from './daemon.ts';
import { Broken } from './laws.ts';
import { FILES, randomFiles, randomText } from './manifests.ts';
import { Shown } from './shown.ts';
import type { Tally } from './tally.ts';
import { Trace } from './trace.ts';
import { untruth } from './truth.ts';
import { quiet, VirtualTime } from './virtual-time.ts';
import { World } from './world.ts';

/** How a run ended. */
export interface Result {
  /** The law that was broken first; absent when all was well. */
  readonly broken?: Broken;
  readonly hash: string;
  readonly lines: readonly string[];
}

/** From the end of the faults, the longest time in which everything must be in place, or be truly said not to be. */
const CALM_MS = 1_500_000;
/** The host, the folder, the trial, the suspensions. */
const LISTENERS = 4;
/** How many worlds are watched for an hour more. */
const REST_SHARE = 0.004;
const REST_MS = 3_600_000;
/** What hints have set off ends within this. */
const COOL_MS = 20_000;
const TURNS_MAX = 40_000;
/** As RestartSec of the unit. */
const RESTART_MS = 10_000;

/** One world with its daemon, from its seed to its end. @param keeps whether the trace can be read. */
export async function simulate(seed: number, tally: Tally, keeps = false): Promise<Result> {
  const run = new Run(seed, tally, keeps);
  const broken = await run.toEnd();
  tally.seeds += 1;
  tally.elapsedMs += run.world.time.elapsed;
  return { ...(broken === undefined ? {} : { broken }), hash: run.world.trace.hash, lines: run.world.trace.lines };
}

/** How hard a world is on its daemon. */
interface Climate {
  /** Whether there is little of everything, so that many such worlds can be tried. */
  readonly isSmall: boolean;
  readonly rates: Rates;
  readonly slowness: number;
  readonly acts: number;
  readonly stormMs: number;
  /** How many points a life reaches on average before it is killed; it is not when absent. */
  readonly lifePoints?: number;
  /** Whether it is killed around steps and saves only. */
  readonly isAtEffect: boolean;
}

function randomClimate(random: Random): Climate {
  const force = random.pick([0, 0.3, 1, 1, 2.5]);
  const rate = (most: number): number => (random.chance(0.6) ? most * force * random.next() : 0);
  const isSmall = random.chance(0.7);
  const acts = isSmall ? random.pick([1, 1, 2]) : random.pick([2, 4, 8, 14]);
  return {
    isSmall,
    rates: {
      stepRefused: rate(0.2),
      stepDoneButFailed: rate(0.2),
      stepClaimedButNotDone: rate(0.2),
      stepSlow: rate(0.06),
      stepRaced: rate(0.2),
      lookFailed: rate(0.1),
      lookLate: rate(0.05),
      lookStale: rate(0.08),
      lookHalfStale: rate(0.08),
      hintDropped: rate(0.4),
      hintDoubled: rate(0.2),
      readFailed: rate(0.05),
      saveFailed: rate(0.1),
      loadFailed: rate(0.1),
    },
    slowness: random.pick([0, 0.3, 0.8, 1]),
    acts,
    stormMs: acts * random.pick([500, 4_000, 20_000]),
    ...lifeSpan(random),
  };
}

function lifeSpan(random: Random): Pick<Climate, 'lifePoints' | 'isAtEffect'> {
  const isAtEffect = random.chance(0.5);
  if (random.chance(0.6)) return { isAtEffect };
  return { isAtEffect, lifePoints: isAtEffect ? random.pick([1, 3, 8]) : random.pick([6, 20, 50, 120]) };
}

class Run {
  readonly world: World;
  readonly #random: Random;
  readonly #climate: Climate;
  readonly #court: Court;
  #broken: Broken | undefined;
  #daemon: Daemon | undefined;
  /** Whether the pass that ended last may have been the last one that is needed. */
  #mayRest = false;
  /** The daemon that has ended a pass in the calm, so that its next one begins there. */
  #calmed: Daemon | undefined;

  constructor(seed: number, tally: Tally, keeps: boolean) {
    const random = seeded(seed);
    const time = new VirtualTime();
    const trace = new Trace(() => time.elapsed, keeps);
    this.#random = random;
    this.#climate = randomClimate(random);
    const chaos = new Chaos({ random, time, tally, trace }, this.#climate.rates, this.#climate.slowness);
    this.world = new World({ time, chaos, trace, tally }, this.#climate.isSmall);
    this.world.folder.replace(randomFiles(random, this.#climate.isSmall));
    this.#court = {
      given: new Set(),
      shown: new Shown(),
      everShown: new Shown(),
      report: broken => this.#report(broken),
    };
  }

  async toEnd(): Promise<Broken | undefined> {
    const { time } = this.world;
    this.#plan();
    this.#begin();
    const { stormMs } = this.#climate;
    await this.#until(() => time.elapsed >= stormMs);
    if (this.#broken !== undefined) return this.#broken;
    this.#calm();
    let wrong: string | undefined = 'no pass has ended';
    await this.#until(() => {
      if (time.elapsed > stormMs + CALM_MS) return true;
      if (!this.#mayRest) return false;
      this.#mayRest = false;
      wrong = this.#wrong();
      return wrong === undefined;
    });
    if (this.#broken !== undefined) return this.#broken;
    if (wrong !== undefined) return new Broken(wrong.startsWith('untrue') ? 'untrue' : 'noConvergence', wrong);
    await this.#checkLoad();
    await this.#restOn();
    await this.#stopDaemon();
    return this.#broken;
  }

  #report(broken: Broken): void {
    this.#broken ??= broken;
    this.world.trace.note(`BROKEN ${broken.message}`);
  }

  /** Sets the times at which others act. */
  #plan(): void {
    const { time } = this.world;
    const { acts, stormMs } = this.#climate;
    for (let act = 0; act < acts; act += 1) {
      time.after(1 + Math.floor(this.#random.next() * stormMs), () => this.#act());
    }
  }

  #act(): void {
    if (this.world.isCalm) return;
    const { trace, tally } = this.world;
    if (this.#random.chance(0.2)) {
      tally.acts.operator += 1;
      trace.note(this.#operate());
      return;
    }
    const what = actSomehow(this.world);
    // What others do to each other is not the daemon's doing.
    this.world.model.dom0.violations.splice(0);
    trace.note(what);
    this.world.guestsAnswer();
  }

  /** Whoever runs the daemon. */
  #operate(): string {
    const { time, chaos } = this.world;
    const daemon = this.#daemon;
    const kind = Math.floor(this.#random.next() * 10);
    if (kind < 3) return this.#approve();
    if (kind < 5) {
      daemon?.retry();
      return 'xenpci reconcile';
    }
    if (kind === 5 && daemon !== undefined && !daemon.isStopping && !daemon.life.isDead) {
      this.#restart(daemon);
      return 'systemctl restart xenpci';
    }
    if (kind === 6) {
      daemon?.life.kill('any time');
      this.#revive();
      return 'kill -9';
    }
    chaos.count('clockJump');
    const byMs = Math.round((this.#random.next() - 0.5) * 2 * this.#random.pick([5_000, 600_000, 86_400_000 * 400]));
    if (byMs > 0 && byMs % 2 === 0) {
      time.sleep(byMs);
      return `the host sleeps for ${byMs / 1000} s`;
    }
    time.jump(byMs);
    return `the clock jumps by ${byMs / 1000} s`;
  }

  /** As the command does it: what is approved comes to what still holds, and nothing is written where nothing waits. */
  #approve(): string {
    const steps = detachesToApprove(this.#daemon?.look?.plan.devices ?? new Map());
    if (steps.length === 0) return 'nothing to approve';
    const now = this.world.time.wall();
    const added = steps.map(({ device, guest: { uuid, domid } }) => ({ device, uuid, domid, until: now + 600_000 }));
    this.world.approvals = [...inForce(this.world.approvals, now), ...added];
    return `xenpci approve: ${steps.length} devices`;
  }

  #restart(daemon: Daemon): void {
    daemon.stop(this.#random.pick([0, 1_000, 60_000]), () => {
      this.#checkStopped(daemon);
      this.#begin();
    });
  }

  #begin(): void {
    const { lifePoints, isAtEffect } = this.#climate;
    const points =
      lifePoints === undefined || this.world.isCalm
        ? Number.POSITIVE_INFINITY
        : 1 + Math.floor(-Math.log(1 - this.#random.next()) * lifePoints);
    const daemon: Daemon = new Daemon(this.world, { points, isAtEffect }, this.#court, pass =>
      this.#passed(daemon, pass),
    );
    this.#daemon = daemon;
    daemon.start();
  }

  /** systemd starts it anew. */
  #revive(): void {
    const dead = this.#daemon;
    this.world.time.after(RESTART_MS + this.world.chaos.latency(20_000), () => {
      if (this.#daemon === dead) this.#begin();
    });
  }

  #passed(daemon: Daemon, { look }: Pass): void {
    if (daemon !== this.#daemon) return;
    // The first one that ends in the calm may have read the manifests before their last change.
    this.#mayRest = this.world.isCalm && this.#calmed === daemon && look !== undefined;
    if (this.world.isCalm) this.#calmed = daemon;
  }

  /** Everything that goes wrong by itself ends; what people did stays, but for some of it. */
  #calm(): void {
    const { chaos, folder, disk, trace } = this.world;
    this.world.isCalm = true;
    chaos.end(this.#random.chance(0.5) ? { hintDropped: 1 } : {});
    disk.isFull = false;
    disk.isBroken = false;
    this.world.trial = undefined;
    this.world.suspended = new Set();
    this.world.stateChanged();
    folder.setState('there');
    if (this.#random.chance(0.8)) {
      const files = new Map(folder.files);
      for (const path of FILES) {
        if (files.has(path) && this.#random.chance(0.7)) files.set(path, randomText(path, this.#random));
      }
      if (files.size === 0) for (const [path, text] of randomFiles(this.#random)) files.set(path, text);
      folder.replace(files);
    }
    trace.note('calm');
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.life.isDead) this.#revive();
    daemon?.life.spare();
  }

  /** Goes on until `done`, or until a law is broken. */
  async #until(done: () => boolean): Promise<void> {
    const { time } = this.world;
    for (let turn = 0; ; turn += 1) {
      await quiet();
      const daemon = this.#daemon;
      if (daemon?.life.isDead === true && !this.#reviving.has(daemon)) {
        this.#reviving.add(daemon);
        this.#revive();
      }
      if (this.#broken !== undefined || done()) return;
      if (turn > TURNS_MAX) {
        this.#report(new Broken('restless', `${TURNS_MAX} turns in ${time.elapsed / 1000} s`));
        return;
      }
      if (!time.advance()) {
        this.#report(new Broken('noConvergence', 'nothing will ever happen again'));
        return;
      }
    }
  }
  readonly #reviving = new WeakSet<Daemon>();

  /** What is not as it should be at the end of a pass in the calm; undefined when all is well. */
  #wrong(): string | undefined {
    const daemon = this.#daemon;
    const { model, isAnswerDue } = this.world;
    if (daemon?.look === undefined) return 'no look';
    if (isAnswerDue) return 'guests are to answer';
    const { plan, status } = daemon.look;
    const honest = daemon.failed;
    const due = nextSteps(plan).find(step => !honest.has(stepKey(step)));
    if (due !== undefined) return `there is a step to take: ${stepText(due)}`;
    if (daemon.load.waits > 0) return 'something is under way';
    const { believed, shown } = daemon;
    const { everShown } = this.#court;
    const wrong = untruth(status, { model, believed, shown, everShown, honestFailures: honest });
    return wrong === undefined ? undefined : `untrue: ${wrong}`;
  }

  /** Where nothing changes, nothing is done, but for what fails again and again. */
  async #restOn(): Promise<void> {
    if (!this.#random.chance(REST_SHARE)) return;
    const { time, tally } = this.world;
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.failed.size > 0) return;
    const end = time.elapsed + REST_MS;
    const before = tally.steps;
    await this.#until(() => time.elapsed >= end);
    if (tally.steps > before) this.#report(new Broken('restless', `${tally.steps - before} steps at rest`));
  }

  /** At rest the daemon waits for its next look, and for nothing else. */
  async #checkLoad(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    const end = this.world.time.elapsed + COOL_MS;
    await this.#until(() => {
      const { timers, calls, waits } = daemon.load;
      return (timers === 1 && calls + waits === 0) || this.world.time.elapsed > end;
    });
    if (this.#broken !== undefined) return;
    const { listeners, timers, calls } = daemon.load;
    if (timers !== 1 || calls !== 0 || listeners !== LISTENERS) {
      this.#report(new Broken('leak', `${timers} timers, ${calls} calls, ${listeners} listeners at rest`));
    }
    const failures = daemon.look?.failures.size ?? 0;
    if (failures > 10) this.#report(new Broken('leak', `${failures} failures are remembered`));
  }

  async #stopDaemon(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || this.#broken !== undefined) return;
    daemon.retry();
    let hasStopped = false;
    daemon.stop(10_000, () => {
      hasStopped = true;
    });
    const { time } = this.world;
    const end = time.elapsed + 200_000;
    await this.#until(() => (hasStopped && daemon.hasEnded) || time.elapsed > end);
    this.#checkStopped(daemon);
  }

  #checkStopped(daemon: Daemon): void {
    const { timers, calls } = daemon.load;
    if (timers !== 0 || calls !== 0 || daemon.host.listeners !== 0) {
      const { listeners } = daemon.host;
      this.#report(new Broken('leak', `${timers} timers, ${calls} calls, ${listeners} listeners after the stop`));
    }
    if (daemon.unanswered !== 0) this.#report(new Broken('unanswered', `${daemon.unanswered} requests`));
  }
}
