import PQueue from 'p-queue';
import { type Step, stepDomain, stepKey } from '../plan/step.ts';
import { startDeadline, startGrace } from './deadline.ts';
import { messageOf } from './message-of.ts';
import type { Clock, Host } from './ports.ts';

/** A step that came to its end, as the host tells it; whether it took hold only the next look shows. */
export interface Finished {
  readonly step: Step;
  readonly error?: string;
  /** What went wrong on the way and was put up with. */
  readonly remarks: readonly string[];
  readonly durationMs: number;
}

export interface DispatchOptions {
  /** Steps at the same time that change where a card is in dom0: bind, rebind, release. */
  readonly cardConcurrency: number;
  /** Steps at the same time that change guests and their definitions: attach, detach, configure. */
  readonly guestConcurrency: number;
  /** After this a step is told to stop, ms. */
  readonly stepDeadlineMs: number;
  /** After this a step that was told to stop is no longer waited for, ms. */
  readonly stepGraceMs: number;
  /** After this a step that has waited for a place is not begun any more, ms: it was decided by a look of then. */
  readonly offerMs: number;
}

/** Told of what steps come to. */
export interface DispatchListener {
  readonly begun: (step: Step) => void;
  readonly finished: () => void;
}

/** Steps that wait for a place. */
interface Offer {
  readonly madeAt: number;
  readonly signal: AbortSignal;
  waiting: readonly Step[];
}

/**
 * Takes steps: one at a time for each device and for each domain, a bounded number of each kind, and of one offer one for each
 * device and each domain: what comes after it is for another look to say. A step that does not end when it is told to
 * counts as failed: the kernel need not come back from what it was asked for (a driver that hangs while it lets go of its
 * device), and then no signal ends it. Its device and its domain stay busy until it has ended after all.
 */
export class Dispatch {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #options: DispatchOptions;
  /** All that is waited for. */
  readonly #queue = new PQueue();
  readonly #inFlight = new Map<string, Step>();
  /** The keys of those in flight that are no longer waited for. */
  readonly #lost = new Set<string>();
  readonly #finished: Finished[] = [];
  readonly #listener: DispatchListener;
  #offer: Offer | undefined;

  constructor(host: Host, clock: Clock, options: DispatchOptions, listener: DispatchListener) {
    this.#host = host;
    this.#clock = clock;
    this.#options = options;
    this.#listener = listener;
  }

  /** The keys of the steps under way, of those that are no longer waited for but have not ended, and of those not drained. */
  keys(): ReadonlySet<string> {
    return new Set([...this.#inFlight.keys(), ...this.#finished.map(({ step }) => stepKey(step))]);
  }

  /** The keys of the steps that are no longer waited for and have not ended. */
  lost(): ReadonlySet<string> {
    return this.#lost;
  }

  /** The steps that are waited for, and those that have ended and wait to be judged by a look that began after that. */
  open(): readonly Step[] {
    const awaited = [...this.#inFlight].filter(([key]) => !this.#lost.has(key)).map(([, step]) => step);
    return [...awaited, ...this.#finished.map(({ step }) => step)];
  }

  /** What finished since the last call. */
  drain(): Finished[] {
    return this.#finished.splice(0);
  }

  /**
   * Takes as many of these steps as there are places for, and of the others one whenever a place is free again, until the
   * next offer, which replaces this one. Left out are steps whose device or domain is busy now.
   * @param steps by one look, the most urgent first.
   * @returns those that have begun.
   */
  offer(steps: readonly Step[], signal: AbortSignal): readonly Step[] {
    const busy = new Set([...this.#inFlight.values()].map(stepDomain).filter(domain => domain !== undefined));
    const waiting = steps.filter(step => {
      const domain = stepDomain(step);
      return !this.#inFlight.has(stepKey(step)) && (domain === undefined || !busy.has(domain));
    });
    this.#offer = { madeAt: this.#clock.now(), signal, waiting };
    return this.#fill();
  }

  /** Begins none of the steps that still wait for a place. */
  withdraw(): void {
    this.#offer = undefined;
  }

  /** Resolves when nothing is under way that is waited for. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }

  #fill(): readonly Step[] {
    const begun: Step[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      begun.push(next.step);
      this.#begin(next.step, next.signal);
    }
    return begun;
  }

  /** @returns what is to be begun now; it waits no longer, and neither does what else waits for its domain. */
  #next(): { readonly step: Step; readonly signal: AbortSignal } | undefined {
    const offer = this.#offer;
    if (offer === undefined) return undefined;
    const ageMs = this.#clock.now() - offer.madeAt;
    // A clock that was set back says nothing of its age.
    if (ageMs < 0 || ageMs > this.#options.offerMs) return undefined;
    const hasRoom = { card: this.#hasRoom('card'), guest: this.#hasRoom('guest') };
    const step = offer.waiting.find(each => hasRoom[kindOf(each)]);
    if (step === undefined) return undefined;
    const domain = stepDomain(step);
    offer.waiting = offer.waiting.filter(
      other => other !== step && (domain === undefined || stepDomain(other) !== domain),
    );
    return { step, signal: offer.signal };
  }

  #hasRoom(kind: Kind): boolean {
    const { cardConcurrency, guestConcurrency } = this.#options;
    const awaited = [...this.#inFlight].filter(([key, step]) => !this.#lost.has(key) && kindOf(step) === kind);
    return awaited.length < (kind === 'card' ? cardConcurrency : guestConcurrency);
  }

  #begin(step: Step, signal: AbortSignal): void {
    const key = stepKey(step);
    this.#inFlight.set(key, step);
    this.#listener.begun(step);
    void this.#queue.add(() => this.#perform(step, key, signal));
  }

  async #perform(step: Step, key: string, signal: AbortSignal): Promise<void> {
    const startedAt = this.#clock.now();
    const deadline = startDeadline(this.#clock, this.#options.stepDeadlineMs, signal);
    const remarks: string[] = [];
    const ending = this.#ending(step, deadline.signal, text => remarks.push(text));
    const grace = startGrace(this.#clock, this.#options.stepGraceMs, deadline.signal);
    const end = await Promise.race([ending, grace.over.then(() => this.#givenUp())]);
    grace.end();
    deadline.end();
    const durationMs = this.#clock.now() - startedAt;
    if (end.isLost) this.#untilItEnds(key, ending);
    else this.#inFlight.delete(key);
    const error = end.error === undefined ? {} : { error: end.error };
    this.#finished.push({ step, ...error, remarks: [...remarks], durationMs });
    this.#fill();
    this.#listener.finished();
  }

  async #ending(step: Step, signal: AbortSignal, remark: (text: string) => void): Promise<End> {
    try {
      await this.#host.perform(step, signal, remark);
      return { isLost: false };
    } catch (cause) {
      return { isLost: false, error: messageOf(cause) };
    }
  }

  #givenUp(): End {
    const error =
      `it was told to stop, and ${this.#options.stepGraceMs / 1000} s later it has not: the kernel may not come back from ` +
      'it; nothing else is done with its device or its domain until it does';
    return { isLost: true, error };
  }

  #untilItEnds(key: string, ending: Promise<End>): void {
    this.#lost.add(key);
    void ending.then(() => {
      this.#lost.delete(key);
      this.#inFlight.delete(key);
      this.#listener.finished();
    });
  }
}

/** What a step changes. */
type Kind = 'card' | 'guest';

function kindOf(step: Step): Kind {
  return stepDomain(step) === undefined ? 'card' : 'guest';
}

/** How a step has ended, or that nobody waits for its end any more. */
interface End {
  readonly isLost: boolean;
  readonly error?: string;
}
