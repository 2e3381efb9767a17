import type { Globals } from '../context.ts';
import { onServedNews } from '../events/served-news.ts';
import { askServed, isAskedFor, served, withReason } from './read-look.ts';
import { type Lookout, openLookout, type Survey } from './survey.ts';

/** Looks that began after this was made: the running controller's, or, where it cannot be asked, those of this program. */
export class FreshLooks {
  readonly #globals: Globals;
  readonly #hints = new Set<() => void>();
  readonly #endNews: () => void;
  #lookout: Lookout | undefined;
  #endHints: (() => void) | undefined;
  /** Whether one of the controller has been seen: those that it answers later are later still. */
  #wasServed = false;

  constructor(globals: Globals) {
    this.#globals = globals;
    this.#endNews = onServedNews(globals.layout, () => this.#hint());
  }

  /**
   * @param signal gives up what is asked of the controller.
   * @returns undefined when there is none at this moment, but there may be one later.
   * @throws {CliError} when there is nobody to ask and this program cannot look, either.
   */
  async look(signal: AbortSignal): Promise<Survey | undefined> {
    const answer = await askServed(this.#globals, { fresh: !this.#wasServed, signal });
    if ('look' in answer && isAskedFor(answer, this.#globals)) {
      this.#wasServed = true;
      return served(answer, this.#globals);
    }
    if (signal.aborted && 'why' in answer && answer.none === 'Unusable') return undefined;
    try {
      return await (await this.#own()).survey();
    } catch (cause) {
      // Whoever may ask the controller alone has to wait until there is one again.
      const isStarting = 'none' in answer && (this.#wasServed || answer.none === 'NotYet');
      if (isStarting) return undefined;
      throw 'none' in answer ? withReason(cause, answer) : cause;
    }
  }

  /** Calls `hint` whenever a look may show something else. @returns a function that ends it. */
  onHint(hint: () => void): () => void {
    this.#hints.add(hint);
    return () => void this.#hints.delete(hint);
  }

  async close(): Promise<void> {
    this.#endNews();
    this.#endHints?.();
    await this.#lookout?.close();
  }

  async #own(): Promise<Lookout> {
    if (this.#lookout === undefined) {
      this.#lookout = await openLookout(this.#globals);
      this.#endHints = this.#lookout.onHint(() => this.#hint());
    }
    return this.#lookout;
  }

  #hint(): void {
    for (const hint of this.#hints) hint();
  }
}
