import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import type { Clock } from '../../controller/ports.ts';
import type { Overlay, Overlays } from '../../source/overlay.ts';
import { watchStateFile } from '../file-watch.ts';
import type { Line } from '../line.ts';
import { momentOf } from './moment.ts';
import { type Trial, type TrialEnd, timeLeft } from './trial.ts';
import { TrialFile } from './trial-file.ts';
import { beganLine, endedLine, unusableLine } from './trial-lines.ts';
import { overlayOf } from './trial-overlay.ts';

/** A timer may be a little early by the other clock, ms. */
const LATE_MS = 20;

export interface KeptTrialOptions {
  readonly layout: Dom0Layout;
  /** The folder of manifests, absolute: a trial in another one is not in force here. */
  readonly folder: string;
  readonly clock: Clock;
  readonly onWatchError: (message: string) => void;
}

/**
 * The trial as a controller keeps it: it ends one whose time is up, whoever began it and whatever has become of them, and
 * tells of each beginning and end. Going back needs no write: the trial is just not laid over the folder any more.
 */
export class KeptTrial implements Overlays {
  readonly #options: KeptTrialOptions;
  readonly #file: TrialFile;
  readonly #hints = new Set<() => void>();
  #running: Trial | undefined;
  /** The last one that was told of as over: its record may be there for a moment longer. */
  #over: string | undefined;
  #complained: string | undefined;
  #callOffTimer: () => void = () => undefined;
  #tell: (line: Line) => void = () => undefined;
  #removing: Promise<void> = Promise.resolve();

  constructor(options: KeptTrialOptions) {
    this.#options = options;
    this.#file = new TrialFile(options.layout);
  }

  /** Who is told of beginnings and ends from now on. */
  onNews(tell: (line: Line) => void): void {
    this.#tell = tell;
  }

  async read(): Promise<readonly Overlay[]> {
    const trial = await this.#load();
    this.#callOffTimer();
    if (trial !== undefined && trial.folder !== this.#options.folder) return [];
    const before = this.#running;
    if (before !== undefined && before.id !== trial?.id) this.#ended(before, 'reverted');
    if (trial === undefined || trial.id === this.#over) return [];
    const end = await this.#file.endAsFarAsKnown(trial);
    if (end !== undefined) {
      this.#ended(trial, end);
      return [];
    }
    if (before?.id !== trial.id) this.#tell(beganLine(trial));
    this.#running = trial;
    const now = await momentOf(this.#options.layout);
    this.#callOffTimer = this.#options.clock.after(timeLeft(trial, now) + LATE_MS, () => this.#hint());
    return [overlayOf(trial)];
  }

  onHint(hint: () => void): () => void {
    this.#hints.add(hint);
    const end = watchStateFile(this.#file.path, hint, this.#options.onWatchError);
    return () => {
      end();
      this.#hints.delete(hint);
      if (this.#hints.size === 0) this.#callOffTimer();
    };
  }

  /** Returns when nothing is being written any more. */
  async close(): Promise<void> {
    this.#callOffTimer();
    await this.#removing;
  }

  /** What cannot be read changes nothing before the time is up. */
  async #load(): Promise<Trial | undefined> {
    try {
      const trial = await this.#file.load();
      this.#complained = undefined;
      return trial;
    } catch (cause) {
      const message = messageOf(cause);
      if (message !== this.#complained) this.#tell(unusableLine(message, this.#running));
      this.#complained = message;
      return this.#running;
    }
  }

  #ended(trial: Trial, how: TrialEnd): void {
    this.#running = undefined;
    this.#over = trial.id;
    this.#tell(endedLine(trial, how));
    // The next one writes over it if this fails, and it is in force nowhere.
    this.#removing = this.#file.remove(trial.id).catch((cause: unknown) => {
      this.#tell(unusableLine(`the trial that is over cannot be removed: ${messageOf(cause)}`, undefined));
    });
  }

  #hint(): void {
    for (const hint of this.#hints) hint();
  }
}
