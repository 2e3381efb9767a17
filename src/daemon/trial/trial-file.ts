import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { isLock, takeFileLock } from '../../host/file-lock.ts';
import { replaceFile } from '../../host/replace-file.ts';
import { isGone } from '../../host/small-file.ts';
import { FILE_BYTES_MAX } from '../../source/limits.ts';
import { readBounded } from '../bounded-read.ts';
import { momentOf } from './moment.ts';
import {
  bytesHash,
  decodeTrial,
  encodeTrial,
  endOf,
  type Moment,
  type Trial,
  type TrialEnd,
  timeLeft,
} from './trial.ts';

/** The manifest as JSON, where a character can take six, and the rest. */
const BYTES_MAX = 8 * FILE_BYTES_MAX;
/** Whoever has the record does so for as long as it takes to write two small files, ms. */
const LOCK_MS = 10_000;

/** Another trial runs. */
export class TrialRunsError extends Error {
  override readonly name: string = 'TrialRunsError';
  readonly trial: Trial;

  constructor(trial: Trial) {
    super(`${trial.by} tries ${trial.path}`);
    this.trial = trial;
  }
}

/** The trial of a host, as a file of the state folder. There is at most one; a crash or reboot loses nothing of it. */
export class TrialFile {
  readonly path: string;
  readonly #layout: Dom0Layout;

  constructor(layout: Dom0Layout) {
    this.#layout = layout;
    this.path = join(layout.state, 'trial.json');
  }

  /** @returns the trial that is written down, over or not. @throws {Error} when the record cannot be used. */
  async load(): Promise<Trial | undefined> {
    try {
      const text = await readBounded(this.path, BYTES_MAX);
      return text === undefined ? undefined : decodeTrial(text);
    } catch (cause) {
      throw new Error(`the trial in ${this.path} cannot be used: ${messageOf(cause)}`, { cause });
    }
  }

  /** How a trial has ended, if it has. @throws {Error} when the file that it stands for cannot be read. */
  async endOf(trial: Trial, now?: Moment): Promise<TrialEnd | undefined> {
    return endOf(trial, now ?? (await momentOf(this.#layout)), await hashAt(trial.path));
  }

  /** As `endOf`; while the file that it stands for cannot be read, a trial goes on until its time is up. */
  async endAsFarAsKnown(trial: Trial): Promise<TrialEnd | undefined> {
    const now = await momentOf(this.#layout);
    return this.endOf(trial, now).catch(() => (timeLeft(trial, now) > 0 ? undefined : 'expired'));
  }

  /** Writes a trial down: from then on it is in force. @throws {TrialRunsError} while another one is. */
  async begin(trial: Trial): Promise<void> {
    await this.#locked(async () => {
      // What cannot be used is in force nowhere.
      const before = await this.load().catch(() => undefined);
      if (before !== undefined && (await this.endOf(before)) === undefined) throw new TrialRunsError(before);
      await this.#save(trial);
    });
  }

  /**
   * Ends a trial that is in force, in a person's name.
   * @param write puts the manifest into the folder, to keep it; without, what was wanted before is wanted again.
   * @returns how it had ended before, if it had: nothing is done then.
   */
  async end(id: string, by: string, write?: (trial: Trial) => Promise<void>): Promise<TrialEnd | undefined> {
    return this.#locked(async () => {
      const trial = await this.load();
      if (trial?.id !== id) return 'reverted';
      const ended = await this.endOf(trial);
      if (ended !== undefined) return ended;
      // First the file: between the two it says what is in force already.
      await write?.(trial);
      await this.#save({ ...trial, end: { how: write === undefined ? 'reverted' : 'confirmed', by } });
      return undefined;
    });
  }

  /** Takes away the record of a trial that is over. */
  async remove(id: string): Promise<void> {
    await this.#locked(async () => {
      const trial = await this.load().catch(() => undefined);
      if (trial?.id === id) await rm(this.path, { force: true });
    });
  }

  async #save(trial: Trial): Promise<void> {
    await replaceFile(this.path, encodeTrial(trial), { mode: 0o600, durable: true });
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(LOCK_MS);
    const lock = await takeFileLock(this.#layout, { name: 'trial', purpose: 'trial', signal, waitsFor: () => true });
    if (!isLock(lock)) throw new Error('another xenpci has the trial');
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }
}

/** Hash of the file at a path; undefined when there is none. @throws the file system's error. */
export async function hashAt(path: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isGone(error)) return undefined;
    throw error;
  });
  return bytes && bytesHash(bytes);
}
