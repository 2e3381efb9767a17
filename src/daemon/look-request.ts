import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import type { Dom0Layout } from '../api/layout.ts';
import { once } from '../api/once.ts';
import { replaceFile } from '../host/replace-file.ts';
import { readBounded } from './bounded-read.ts';
import { watchStateFile } from './file-watch.ts';

const VERSION = 1;
const BYTES_MAX = 4096;

const record = once(() => z.strictObject({ version: z.literal(VERSION), id: z.uuid() }));

/**
 * A request to look now, as a file of the runtime folder: `xenpci reconcile` writes it, the controller names in its
 * published status the last one that it has answered.
 *
 * Why a file: only root can write there, so the API stays one that cannot change anything; it carries a name, by which the
 * answer can be told from that of an earlier look, which a signal does not; and a controller of a version that does not
 * know it goes on, where a signal would end it. The folder, and not that of the state, because a request means nothing
 * after a reboot. One that is left from before is answered once more, with a look that does no harm; what cannot be read
 * is none.
 */
export class LookRequest {
  readonly path: string;
  readonly #onWatchError: (message: string) => void;

  /** @param onWatchError told when the file cannot be watched: it is then read after each pass all the same. */
  constructor(layout: Dom0Layout, onWatchError: (message: string) => void = () => undefined) {
    this.path = join(layout.runtime, 'look.json');
    this.#onWatchError = onWatchError;
  }

  /**
   * Asks for a look that begins after this. A request that another one replaces is answered by the answer to that one.
   * @returns its id.
   * @throws the file system's error.
   */
  async ask(): Promise<string> {
    const id = randomUUID();
    const text = `${JSON.stringify({ version: VERSION, id })}\n`;
    await replaceFile(this.path, text, { mode: 0o600, durable: false, shared: true });
    return id;
  }

  /** The last request; undefined when there is none that can be read. */
  async last(): Promise<string | undefined> {
    try {
      const text = await readBounded(this.path, BYTES_MAX);
      return text === undefined ? undefined : record().parse(JSON.parse(text)).id;
    } catch {
      // Whoever asks makes a new one.
      return undefined;
    }
  }

  /** Calls `hint` whenever somebody may have asked. @returns a function that ends it. */
  onHint(hint: () => void): () => void {
    // Once more when it begins: what was asked for before there was somebody to hear.
    return watchStateFile(this.path, hint, this.#onWatchError, hint);
  }
}

/** Something that can be asked to look now, and answers when it has. */
export interface Lookout {
  retry(): Promise<'atRest' | 'stopped'>;
}

/**
 * Lets a controller answer requests.
 * @param answered told the id of each that was.
 * @returns a function that looks whether there is a new one, which hints may have missed, and one that ends it.
 */
export function answerRequests(
  request: LookRequest,
  controller: Lookout,
  answered: (id: string) => void,
): { readonly check: () => void; readonly end: () => void } {
  let seen: string | undefined;
  const check = async (): Promise<void> => {
    const id = await request.last();
    if (id === undefined || id === seen) return;
    seen = id;
    if ((await controller.retry()) === 'atRest') answered(id);
  };
  const hear = (): void => void check();
  return { check: hear, end: request.onHint(hear) };
}
