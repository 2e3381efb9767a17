import { join } from 'node:path';
import * as z from 'zod';
import type { Dom0Layout } from '../api/layout.ts';
import { once } from '../api/once.ts';
import { NOTHING_SUSPENDED, type Resumption, type Suspension, type Suspensions } from '../api/suspension.ts';
import { messageOf } from '../controller/message-of.ts';
import { isLock, takeFileLock } from '../host/file-lock.ts';
import { replaceFile } from '../host/replace-file.ts';
import { readBounded } from './bounded-read.ts';
import { watchStateFile } from './file-watch.ts';

const VERSION = 1;
const BYTES_MAX = 1024 * 1024;
/** How many resumptions are kept: they only tell who it was. */
const RESUMED_MAX = 100;
/** Whoever writes has the file for some milliseconds, ms. */
const PATIENCE_MS = 10_000;

/** The longest reason that is kept, in characters. */
export const REASON_MAX = 200;
/** The longest name of whoever did it, in characters. */
export const BY_MAX = 64;

/** What a date of JavaScript can be, ms since the epoch. */
const TIME_MAX = 8.64e15;

const record = once(() => {
  const name = z.string().min(1).max(253);
  const by = z.string().min(1).max(BY_MAX);
  const time = z.number().min(0).max(TIME_MAX);
  const reason = z.string().min(1).max(REASON_MAX).optional();
  return z.strictObject({
    version: z.literal(VERSION),
    suspended: z.array(z.strictObject({ assignment: name, since: time, by, reason })),
    resumed: z.array(z.strictObject({ assignment: name, at: time, by })),
  });
});

type Usable = Exclude<Suspensions, { readonly unusable: string }>;

/** Nobody knows what is suspended, so nobody can say what the new record would be. */
export class SuspensionsUnusableError extends Error {
  override readonly name: string = 'SuspensionsUnusableError';
}

/**
 * What persons have suspended, as a file of the state folder: `xenpci suspend` and `resume` write it, whoever decides reads
 * it. It holds until it is taken back, over restarts and reboots. No file: nobody has suspended anything.
 *
 * A file that cannot be used (damaged, too large, of another version) counts as: everything is suspended, devices included
 * whose entries are gone. Nobody knows then which guest a person is at work on, and to wait does less harm than to take a
 * device from under their hands. Only `resume --all`, which a person says, replaces it; the next `suspend` does not, since
 * it would silently give back the rest.
 */
export class SuspensionFile {
  readonly path: string;
  readonly #layout: Dom0Layout;
  readonly #onWatchError: (message: string) => void;

  /** @param onWatchError told when the file cannot be watched: it is then read at the next look all the same. */
  constructor(layout: Dom0Layout, onWatchError: (message: string) => void = () => undefined) {
    this.path = join(layout.state, 'suspensions.json');
    this.#layout = layout;
    this.#onWatchError = onWatchError;
  }

  /** Never throws: what is wrong is in `unusable`. */
  async load(): Promise<Suspensions> {
    try {
      const text = await readBounded(this.path, BYTES_MAX);
      return text === undefined ? NOTHING_SUSPENDED : decode(text);
    } catch (cause) {
      return { unusable: `${this.path} cannot be used: ${messageOf(cause)}` };
    }
  }

  /**
   * Suspends an assignment; one that is suspended already stays as it is.
   * @returns the suspension that holds now.
   * @throws {SuspensionsUnusableError}; the file system's error.
   */
  async suspend(suspension: Suspension): Promise<Suspension> {
    return this.#exclusively(async () => {
      const before = await this.#usable();
      const found = before.suspended.find(each => each.assignment === suspension.assignment);
      if (found !== undefined) return found;
      await this.#save({ ...before, suspended: [...before.suspended, suspension] });
      return suspension;
    });
  }

  /**
   * Gives back those that are suspended and named.
   * @returns them.
   * @throws {SuspensionsUnusableError}; the file system's error.
   */
  async resume(
    named: (assignment: string) => boolean,
    who: Pick<Resumption, 'at' | 'by'>,
  ): Promise<readonly Suspension[]> {
    return this.#exclusively(async () => {
      const before = await this.#usable();
      const given = before.suspended.filter(({ assignment }) => named(assignment));
      if (given.length === 0) return given;
      await this.#save({
        suspended: before.suspended.filter(each => !given.includes(each)),
        resumed: [...before.resumed, ...given.map(({ assignment }) => ({ assignment, ...who }))].slice(-RESUMED_MAX),
      });
      return given;
    });
  }

  /** Begins an empty record in the place of one that cannot be used. @throws the file system's error. */
  async clear(): Promise<void> {
    await this.#exclusively(() => this.#save({ suspended: [], resumed: [] }));
  }

  /** Calls `hint` whenever something may have been suspended or given back. @returns a function that ends it. */
  onHint(hint: () => void): () => void {
    return watchStateFile(this.path, hint, this.#onWatchError);
  }

  async #usable(): Promise<Usable> {
    const loaded = await this.load();
    if ('unusable' in loaded) throw new SuspensionsUnusableError(loaded.unusable);
    return loaded;
  }

  async #save(content: Usable): Promise<void> {
    const text = `${JSON.stringify({ version: VERSION, ...content }, null, 2)}\n`;
    const bytes = Buffer.byteLength(text);
    if (bytes > BYTES_MAX) throw new Error(`it would be ${bytes} bytes long, and at most ${BYTES_MAX} are kept`);
    await replaceFile(this.path, text, { mode: 0o600, durable: true });
  }

  /** Two persons at once must not undo each other's word. */
  async #exclusively<T>(body: () => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const options = { name: 'suspensions', purpose: 'suspend', signal, waitsFor: () => true };
    const lock = await takeFileLock(this.#layout, options);
    try {
      return await body();
    } finally {
      if (isLock(lock)) await lock.release();
    }
  }
}

function decode(text: string): Usable {
  const parsed = record().safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error('it is no record of suspensions', { cause: parsed.error });
  const { suspended, resumed } = parsed.data;
  return {
    suspended: suspended.map(({ reason, ...rest }) => (reason === undefined ? rest : { ...rest, reason })),
    resumed,
  };
}
