import { type Host, HostError } from '../../../src/controller/ports.ts';
import type { Observed } from '../../../src/plan/observed.ts';
import { type Step, stepText } from '../../../src/plan/step.ts';
import { observe } from '../../../src/simulator/observe.ts';
import { perform } from '../../../src/simulator/perform.ts';
import type { Laws } from './laws.ts';
import type { Life } from './life.ts';
import { check, isIdle, refusal } from './toolstack.ts';
import type { World } from './world.ts';

const SETTLE_MS = 10_000;
const BACKENDS = '/local/domain/0/backend/pci';

/**
 * The dom0 as one life of the daemon reaches it: the model, with time and with faults. A step is asked of a toolstack,
 * which goes on with it when the daemon has died or given up meanwhile.
 */
export class SimulatedHost implements Host {
  readonly #world: World;
  readonly #life: Life;
  readonly #laws: Laws;
  #before: Observed | undefined;
  #open = 0;
  #listeners = 0;

  constructor(world: World, life: Life, laws: Laws) {
    this.#world = world;
    this.#life = life;
    this.#laws = laws;
  }

  /** How many calls have not returned. */
  get open(): number {
    return this.#open;
  }

  /** How many listen to hints. */
  get listeners(): number {
    return this.#listeners;
  }

  async observe(signal: AbortSignal): Promise<Observed> {
    return this.#counted(async () => {
      await this.#life.point('look');
      const observed = await this.#look(signal);
      await this.#life.point('end of a look');
      this.#laws.looked(observed);
      return observed;
    });
  }

  perform(step: Step, signal: AbortSignal): Promise<void> {
    return this.#counted(async () => {
      this.#laws.asked(step);
      const { trace } = this.#world;
      const name = trace.isRead ? stepText(step) : step.verb;
      trace.note(`step: ${name}`);
      await this.#life.point(`step ${step.verb}`);
      try {
        await this.#take(step, signal);
      } catch (error) {
        trace.note(`failed: ${name}: ${error instanceof Error ? error.message : error}`);
        throw error;
      } finally {
        await this.#life.point(`end of step ${step.verb}`);
      }
    });
  }

  onHint(hint: (about: string) => void): () => void {
    const { model, chaos } = this.#world;
    this.#listeners += 1;
    const endStore = model.dom0.store.onChange(path => {
      if (path.startsWith(BACKENDS) || path.startsWith('@')) this.#hints(hint);
    });
    const endLifecycle = model.libvirt.onLifecycle(() => chaos.hint(this.#life, () => hint('libvirt')));
    return this.#life.untilDeath(() => {
      endStore();
      endLifecycle();
      this.#listeners -= 1;
    });
  }

  async close(): Promise<void> {}

  #hinted = false;

  /** xenstore's watches fire once for each key; together they are one hint. */
  #hints(hint: (about: string) => void): void {
    if (this.#hinted) return;
    this.#hinted = true;
    this.#world.time.after(1, () => {
      this.#hinted = false;
      if (!this.#life.isDead) this.#world.chaos.hint(this.#life, () => hint('xenstore'));
    });
  }

  async #look(signal: AbortSignal): Promise<Observed> {
    const { chaos, model } = this.#world;
    const latency = chaos.strikes('lookLate') ? Math.ceil(chaos.random.next() * 60_000) : chaos.latency(400);
    if (latency > 0) await this.#life.sleep(latency, signal);
    if (chaos.strikes('lookFailed')) throw new HostError('Unreachable', 'cannot read xenstore: connection reset');
    const before = this.#before;
    if (before !== undefined && chaos.strikes('lookStale')) return before;
    const now = observe(model);
    this.#before = now;
    return before !== undefined && chaos.strikes('lookHalfStale') ? withBeliefsOf(before, now) : now;
  }

  async #take(step: Step, signal: AbortSignal): Promise<void> {
    const { chaos, model, time } = this.#world;
    const slow = chaos.strikes('stepSlow') ? Math.ceil(chaos.random.next() * 400_000) : 0;
    const first = chaos.latency(3_000);
    if (first > 0) await this.#life.sleep(first, signal);
    if (chaos.strikes('stepRefused')) throw new HostError('StepFailed', 'injected: refused');
    if (chaos.strikes('stepClaimedButNotDone')) return;
    await this.#untilIdle(step, signal);
    check(model, step);
    await this.#life.point(`sent step ${step.verb}`);
    if (chaos.strikes('stepRaced')) {
      const outcome = await this.#life.wait<Error | undefined>(resolve => {
        // The toolstack does it, whoever still waits for it.
        time.after(1 + chaos.latency(5_000), () => resolve(this.#land(step, true)));
        return () => undefined;
      }, signal);
      if (outcome !== undefined) throw outcome;
    } else {
      const outcome = this.#land(step, false);
      if (outcome !== undefined) throw outcome;
    }
    const last = slow + chaos.latency(2_000);
    if (last > 0) await this.#life.sleep(last, signal);
    if (chaos.strikes('stepDoneButFailed')) throw new HostError('DeadlineExceeded', 'injected: no answer');
  }

  /** @returns what the toolstack complained of. */
  #land(step: Step, raced: boolean): Error | undefined {
    const { model } = this.#world;
    let complaint: Error | undefined;
    try {
      perform(model, step);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      complaint = new HostError('StepFailed', message, { cause: error });
    }
    this.#laws.landed(step, raced, complaint);
    this.#world.guestsAnswer();
    return complaint;
  }

  async #untilIdle(step: Step, signal: AbortSignal): Promise<void> {
    if (!('guest' in step) || isIdle(this.#world.model, step.guest) === true) return;
    await this.#life.sleep(SETTLE_MS, signal);
    const idle = isIdle(this.#world.model, step.guest);
    if (idle === 'never') throw refusal(`${step.guest.name} let go of a device too late`);
    if (!idle) throw new HostError('DeadlineExceeded', 'an earlier change has not ended');
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#open += 1;
    try {
      return await work();
    } finally {
      this.#open -= 1;
    }
  }
}

/** libvirt's view of a moment before, and xenstore's of now. */
function withBeliefsOf(before: Observed, now: Observed): Observed {
  const lives = new Map(before.domains.map(({ uuid, live }) => [uuid, live]));
  return { ...now, domains: now.domains.map(domain => ({ ...domain, live: lives.get(domain.uuid) ?? domain.live })) };
}
