import type { Look, Pass } from '../../controller/look.ts';
import { durationText } from '../duration.ts';

/** Room for a look that takes long, and for a machine that is busy, ms. */
const SPARE_MS = 60_000;

export interface Verdict {
  readonly good: boolean;
  readonly text: string;
}

/** Whether the controller works, judged by its passes. */
export class Health {
  readonly #now: () => number;
  readonly #limitMs: number;
  #endedAt: number;
  #look: Look | undefined;
  #isFresh = false;

  /**
   * @param now ms since the epoch.
   * @param resyncMs the longest time between two passes.
   */
  constructor(now: () => number, resyncMs: number) {
    this.#now = now;
    this.#limitMs = 3 * resyncMs + SPARE_MS;
    this.#endedAt = now();
  }

  hear({ look }: Pass): void {
    this.#endedAt = this.#now();
    this.#isFresh = look !== undefined;
    this.#look = look ?? this.#look;
  }

  /** The last look that succeeded. */
  get look(): Look | undefined {
    return this.#look;
  }

  /** Why the last look must not be taken for the host as it is: it is of an earlier pass, or no passes come any more. */
  outdated(): string | undefined {
    const look = this.#look;
    if (look === undefined || this.ready().good) return undefined;
    return `the controller's last look is ${durationText(this.#now() - look.now)} old`;
  }

  /** Passes come to an end, whatever their result. */
  alive(): Verdict {
    const ageMs = this.#now() - this.#endedAt;
    const good = ageMs <= this.#limitMs;
    return { good, text: good ? 'ok' : `no pass has come to its end for ${durationText(ageMs)}` };
  }

  /** The last pass could look at the host. */
  ready(): Verdict {
    const alive = this.alive();
    if (!alive.good) return alive;
    if (this.#look === undefined) return { good: false, text: 'the host has not been looked at yet' };
    return { good: this.#isFresh, text: this.#isFresh ? 'ok' : 'the host could not be looked at last time' };
  }
}
