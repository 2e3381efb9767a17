import type { ManifestProblem, SourceSnapshot } from '../api/manifest.ts';
import { NOTHING_SUSPENDED, type Suspensions } from '../api/suspension.ts';
import { inForce } from '../plan/approval.ts';
import { type Asker, askedBy } from '../plan/asked-by.ts';
import type { Inventory } from '../plan/inventory.ts';
import type { Observed } from '../plan/observed.ts';
import { nextSteps, type Plan } from '../plan/plan.ts';
import { sameInventory } from '../plan/remember.ts';
import type { Planned } from '../plan/replan/planned.ts';
import { replan } from '../plan/replan/replan.ts';
import { isSame } from '../plan/same.ts';
import { standingOf } from '../plan/standing.ts';
import { type Step, stepIdentity, stepKey } from '../plan/step.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Dispatch, type DispatchOptions, type Finished } from './dispatch.ts';
import { HostSleep } from './host-sleep.ts';
import type { Look, Pass } from './look.ts';
import { LOOK, Looks, type LooksParts } from './looks.ts';
import { messageOf } from './message-of.ts';
import { computeStatus } from './status.ts';
import type { Status } from './status-types.ts';

export interface ReconcilerOptions extends BackoffOptions, DispatchOptions {
  /** After this a look is given up, ms. */
  readonly lookDeadlineMs: number;
}

export const DEFAULT_OPTIONS: ReconcilerOptions = {
  baseMs: 1_000,
  capMs: 300_000,
  // Each is a program of its own, and dom0s have few processors.
  cardConcurrency: 12,
  // Most of their time is waiting: for Xen, for libvirt, for a guest. What libvirt does at once is bounded elsewhere.
  guestConcurrency: 32,
  stepDeadlineMs: 180_000,
  offerMs: 2_000,
  // A program that was told to end has 2 s before it is killed.
  stepGraceMs: 10_000,
  lookDeadlineMs: 30_000,
};

export interface ReconcilerParts extends LooksParts {
  readonly options?: Partial<ReconcilerOptions>;
  /** Called when a step has come to its end: time for another look. */
  readonly onFinished: () => void;
  /** Called at the end of each pass. */
  readonly onPass?: (pass: Pass) => void;
}

/** What a pass left behind. */
export interface PassResult {
  /** False when the host could not be looked at or the record not be written: then no step was taken. */
  readonly looked: boolean;
  readonly started: number;
  /** Steps under way or yet to take, failed ones that wait for their next try included, and devices that settle. */
  readonly remaining: number;
  /** Of these, what ends without anything else: steps under way or due, and devices that settle in time. */
  readonly busy: number;
  /** When to look again at the latest because something is tried again then, ms since the epoch. */
  readonly nextDue?: number;
}

const RECORD = 'record';

/** Looks, plans, and takes one step for each device that is due. Whether it took hold the next pass sees. */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #options: ReconcilerOptions;
  readonly #backoff: Backoff;
  readonly #dispatch: Dispatch;
  readonly #looks: Looks;
  readonly #sleep: HostSleep;
  /** Outcomes are judged by what a look shows; until one succeeds they are kept. */
  readonly #unjudged: Finished[] = [];
  /** The last plan: what has not changed since need not be decided anew. */
  #planned: Planned | undefined;
  #stopped = false;
  #status: Status | undefined;
  #problems: readonly ManifestProblem[] = [];
  #suspensions: Suspensions = NOTHING_SUSPENDED;
  /** Who asked for each step when it was begun: by the time it is judged, the manifests may say otherwise. */
  readonly #askers = new WeakMap<Step, readonly Asker[]>();

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#options = { ...DEFAULT_OPTIONS, ...parts.options };
    this.#backoff = new Backoff(this.#options);
    this.#sleep = new HostSleep(parts.clock);
    this.#looks = new Looks(parts, this.#backoff, this.#options.lookDeadlineMs);
    this.#dispatch = new Dispatch(parts.host, parts.clock, this.#options, {
      begun: step => parts.report({ type: 'StepStarted', step, askedBy: this.#askersOf(step) }),
      finished: parts.onFinished,
    });
  }

  /** As of the last look that succeeded. */
  get status(): Status | undefined {
    return this.#status;
  }

  /** Starts no further step. Resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#dispatch.withdraw();
    await this.#dispatch.idle();
  }

  /**
   * Everything that has failed may be tried again now, as if it never had. That is all that is forgotten: guards, approvals
   * and waits for something outside are found anew by each look. A device that was to be torn from its guest after
   * several failures is asked for politely again.
   */
  forgetFailures(): void {
    this.#backoff.clear();
  }

  async pass(signal: AbortSignal): Promise<PassResult> {
    const { clock, onPass } = this.#parts;
    const startedAt = clock.now();
    const { look, ...result } = await this.#pass(signal);
    const backingOff = this.#backoff.waiting(clock.now());
    onPass?.({ durationMs: clock.now() - startedAt, backingOff, ...(look === undefined ? {} : { look }) });
    return result;
  }

  async #pass(signal: AbortSignal): Promise<PassResult & { readonly look?: Look }> {
    const { clock } = this.#parts;
    if (this.#sleep.hasSlept()) this.forgetFailures();
    this.#backoff.clamp(clock.now());
    this.#unjudged.push(...this.#dispatch.drain());
    const before = this.#dispatch.keys();
    const found = await this.#looks.take(signal);
    // What still waits was decided by an earlier look.
    this.#dispatch.withdraw();
    if (found === undefined) return this.#result(false, 0, 1, 0);
    // A device whose step ends or begins while we look may be seen half-way, so it is left to the next pass.
    const unsure = new Set([...before, ...this.#dispatch.keys()]);
    const { source, observed, inventory, approvals } = found;
    const approved = inForce(approvals, this.#parts.clock.now());
    let failures = this.#backoff.counts();
    const decide = (): Plan => {
      this.#planned = replan(this.#planned, { observed, source, inventory }, standingOf(approved, failures));
      return this.#planned.plan;
    };
    const judged = decide();
    // What has failed just now may change how it is tried next.
    let decided = judged;
    if (this.#judge(nextSteps(judged))) {
      failures = this.#backoff.counts();
      decided = decide();
    }
    const next = nextSteps(decided);
    this.#backoff.retain(new Set([LOOK, RECORD, ...next.map(stepKey), ...unsure]));
    this.#reportProblems(source);
    this.#reportSuspensions(source);
    this.#reportSleep(observed);
    if (!(await this.#remember(withUnsure(decided.inventory, inventory, unsure), inventory)))
      return this.#result(false, 0, next.length, 0);
    const offered = next.filter(step => this.#mayTake(step, unsure));
    for (const step of offered) this.#askers.set(step, askedBy(step, decided, inventory));
    const started = this.#dispatch.offer(offered, signal);
    const status = this.#publish(decided, observed, source);
    const settling = [...decided.devices.values()].filter(device => device.hold?.reason === 'Settling');
    const open = this.#dispatch.open().length;
    const lost = this.#dispatch.lost();
    const due = next.filter(step => this.#backoff.due(stepKey(step), clock.now()) && !lost.has(stepKey(step)));
    const inTime = status.devices.filter(({ wait }) => wait?.reason === 'Settling' && !wait.overdue);
    const remaining = next.length + open + settling.length;
    const result = this.#result(true, started.length, remaining, open + due.length + inTime.length);
    const basis = { observed, source, inventory, approvals: approved, failures };
    return { ...result, look: { ...basis, plan: decided, status, now: clock.now() } };
  }

  /** @returns whether a step has failed. */
  #judge(next: readonly Step[]): boolean {
    const { clock, report } = this.#parts;
    const again = new Map(next.map(step => [stepKey(step), stepIdentity(step)]));
    let failed = false;
    for (const { step, error, remarks, durationMs } of this.#unjudged.splice(0)) {
      const key = stepKey(step);
      if (again.get(key) !== stepIdentity(step)) {
        this.#backoff.forget(key);
        const notes = error === undefined ? remarks : [...remarks, `it took hold although the host said: ${error}`];
        const note = notes.length === 0 ? {} : { note: notes.join('; ') };
        report({ type: 'StepPerformed', step, askedBy: this.#askersOf(step), durationMs, ...note });
        continue;
      }
      failed = true;
      const text = [...remarks, error ?? 'the host reported success, but nothing changed'].join('; ');
      const failure = this.#backoff.fail(key, text, clock.now());
      const askers = this.#askersOf(step);
      report({ type: 'StepFailed', step, askedBy: askers, durationMs, error: text, retryAt: failure.until });
    }
    return failed;
  }

  async #remember(next: Inventory, before: Inventory): Promise<boolean> {
    if (next === before) return true;
    const { store, clock, report } = this.#parts;
    try {
      await store.save(next);
      this.#looks.remember(next);
      this.#backoff.forget(RECORD);
      return true;
    } catch (cause) {
      const error = messageOf(cause);
      report({ type: 'RecordFailed', error, retryAt: this.#backoff.fail(RECORD, error, clock.now()).until });
      return false;
    }
  }

  #mayTake(step: Step, unsure: ReadonlySet<string>): boolean {
    const key = stepKey(step);
    return !this.#stopped && !unsure.has(key) && this.#backoff.due(key, this.#parts.clock.now());
  }

  #reportProblems({ problems }: SourceSnapshot): void {
    if (isSame(problems, this.#problems)) return;
    this.#problems = problems;
    this.#parts.report({ type: 'ManifestProblems', problems });
  }

  #reportSuspensions({ suspensions = NOTHING_SUSPENDED }: SourceSnapshot): void {
    if (isSame(suspensions, this.#suspensions)) return;
    this.#suspensions = suspensions;
    this.#parts.report({ type: 'SuspensionsChanged', suspensions });
  }

  #reportSleep({ devices }: Observed): void {
    const sleptMs = this.#sleep.take();
    if (sleptMs === 0) return;
    const given = [...devices.values()].flatMap(({ address, place }) =>
      place.at === 'guest' ? [{ device: address, domain: place.domain }] : [],
    );
    this.#parts.report({ type: 'HostSlept', sleptMs, given });
  }

  #askersOf(step: Step): readonly Asker[] {
    return this.#askers.get(step) ?? [];
  }

  #publish(decided: Plan, observed: Observed, source: SourceSnapshot): Status {
    const before = this.#status;
    const status = computeStatus({
      plan: decided,
      observed,
      source,
      ...(before === undefined ? {} : { previous: before }),
      failure: key => this.#backoff.get(key),
      open: this.#dispatch.open(),
      now: this.#parts.clock.now(),
    });
    this.#status = status;
    const isNews = before === undefined || !isSame({ ...before, observedAt: status.observedAt }, status);
    if (isNews) this.#parts.report({ type: 'StatusChanged', status });
    return status;
  }

  #result(looked: boolean, started: number, remaining: number, busy: number): PassResult {
    const nextDue = this.#backoff.nextDue(this.#parts.clock.now());
    return { looked, started, remaining, busy, ...(nextDue === undefined ? {} : { nextDue }) };
  }
}

/**
 * What is to be remembered while steps are under way. A step takes its device where the record says, whatever the manifests
 * say meanwhile: without the record nobody would know afterwards from whom its guest has it. So the device's record stays
 * as it is until a look has begun after the step; and what a definition may yet get from us is not forgotten.
 */
function withUnsure(next: Inventory, before: Inventory, unsure: ReadonlySet<string>): Inventory {
  const kept = [...before.values()].filter(
    ({ address, domain }) => unsure.has(address) || (unsure.has(`domain/${domain.name}`) && !next.has(address)),
  );
  if (kept.every(record => next.get(record.address) === record)) return next;
  const all = new Map([...next, ...kept.map(record => [record.address, record] as const)]);
  return sameInventory(before, all) ? before : all;
}
