import { setMaxListeners } from 'node:events';
import { HintLimit } from './hint-limit.ts';
import { type PassResult, Reconciler, type ReconcilerParts } from './reconciler.ts';
import { type Answer, Requests } from './requests.ts';
import type { Status } from './status-types.ts';
import { Wake } from './wake.ts';

export interface ControllerParts extends Omit<ReconcilerParts, 'onFinished'> {
  /** Look at least this often, ms: hints can be lost, and this is what finds out. */
  readonly resyncMs: number;
}

/**
 * Runs passes: at every hint, when a retry is due, and at the latest every `resyncMs`. One pass at a time; hints of the
 * host in great number cause a bounded number of them.
 */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #reconciler: Reconciler;
  readonly #wake = new Wake();
  readonly #requests = new Requests();
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    // Every step under way listens to it, and Node warns of more than ten.
    setMaxListeners(0, this.#aborting.signal);
    this.#reconciler = new Reconciler({ ...parts, onFinished: () => this.#wake.now() });
  }

  get status(): Status | undefined {
    return this.#reconciler.status;
  }

  /** Asks for a look now. */
  reconcile(): void {
    this.#wake.now();
  }

  /**
   * Asks for a look now that tries again at once what has failed.
   * @returns resolves when one that began after this has ended, and what it began has, or waits; or when there is none.
   */
  retry(): Promise<Answer> {
    const answer = this.#requests.ask();
    this.#wake.now();
    return answer;
  }

  /** Keeps the host as the manifests say until `stop` is called. */
  async run(): Promise<void> {
    await this.#loop(() => false);
  }

  /**
   * Works until nothing is left to do or `timeoutMs` have passed.
   * @returns whether nothing was left; devices may still wait for something: see `status`.
   */
  async converge(timeoutMs: number): Promise<boolean> {
    const callOff = this.#parts.clock.after(timeoutMs, () => {
      this.#stopping.abort();
      this.#wake.now();
    });
    let done = false;
    await this.#loop(result => {
      done = result.looked && result.remaining === 0;
      return done;
    });
    callOff();
    return done;
  }

  /** Takes no further step and returns when those under way have ended; after `graceMs` they are told to give up. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wake.now();
    const callOff = this.#parts.clock.after(graceMs, () => this.#aborting.abort());
    await this.#reconciler.stop();
    callOff();
    this.#aborting.abort();
  }

  async #loop(isDone: (result: PassResult) => boolean): Promise<void> {
    const { host, source, approvals, clock, resyncMs } = this.#parts;
    const wake = (): void => this.#wake.now();
    const limit = new HintLimit(clock, wake);
    const endHints = [
      host.onHint(() => limit.hint()),
      ...[source, ...(approvals === undefined ? [] : [approvals])].map(each => each.onHint(wake)),
    ];
    this.#wake.now();
    try {
      for (;;) {
        await this.#wake.wait();
        if (this.#stopping.signal.aborted) return;
        limit.begin();
        if (this.#requests.begin()) this.#reconciler.forgetFailures();
        const result = await this.#reconciler.pass(this.#aborting.signal);
        if (result.looked && result.busy === 0) this.#requests.atRest();
        if (isDone(result)) return;
        const delayMs = Math.min(resyncMs, (result.nextDue ?? Number.POSITIVE_INFINITY) - clock.now());
        this.#callOffTimer();
        this.#callOffTimer = clock.after(delayMs, () => this.#wake.now());
      }
    } finally {
      this.#callOffTimer();
      limit.end();
      this.#requests.end();
      for (const end of endHints) end();
    }
  }
  #callOffTimer: () => void = () => undefined;
}
