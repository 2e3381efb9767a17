import PQueue from 'p-queue';
import { type Step, stepDomain, stepKey } from '../plan/step.ts';
import { startDeadline } from './deadline.ts';
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
  /** Steps at the same time, over all domains. */
  readonly concurrency: number;
  /** After this a step is told to stop, ms. */
  readonly stepDeadlineMs: number;
}

/** Takes steps: one at a time for each device and for each domain, a bounded number in all. */
export class Dispatch {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #options: DispatchOptions;
  readonly #queue: PQueue;
  readonly #inFlight = new Map<string, Step>();
  readonly #finished: Finished[] = [];
  readonly #onFinished: () => void;

  constructor(host: Host, clock: Clock, options: DispatchOptions, onFinished: () => void) {
    this.#host = host;
    this.#clock = clock;
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.concurrency });
    this.#onFinished = onFinished;
  }

  /** The keys of the steps under way. */
  keys(): ReadonlySet<string> {
    return new Set(this.#inFlight.keys());
  }

  /** The steps under way, and those that have ended and wait to be judged by a look that began after that. */
  open(): readonly Step[] {
    return [...this.#inFlight.values(), ...this.#finished.map(({ step }) => step)];
  }

  /** What finished since the last call. */
  drain(): Finished[] {
    return this.#finished.splice(0);
  }

  /** Starts a step, unless its device or its domain is busy or all places are taken: then a later look plans it anew. */
  start(step: Step, signal: AbortSignal): boolean {
    const key = stepKey(step);
    const domain = stepDomain(step);
    const domainBusy = domain !== undefined && [...this.#inFlight.values()].some(other => stepDomain(other) === domain);
    if (this.#inFlight.has(key) || domainBusy || this.#inFlight.size >= this.#options.concurrency) return false;
    this.#inFlight.set(key, step);
    void this.#queue.add(() => this.#perform(step, key, signal));
    return true;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }

  async #perform(step: Step, key: string, signal: AbortSignal): Promise<void> {
    const startedAt = this.#clock.now();
    const deadline = startDeadline(this.#clock, this.#options.stepDeadlineMs, signal);
    let error: string | undefined;
    const remarks: string[] = [];
    try {
      await this.#host.perform(step, deadline.signal, text => remarks.push(text));
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    } finally {
      deadline.end();
    }
    const durationMs = this.#clock.now() - startedAt;
    this.#inFlight.delete(key);
    this.#finished.push({ step, ...(error === undefined ? {} : { error }), remarks, durationMs });
    this.#onFinished();
  }
}
