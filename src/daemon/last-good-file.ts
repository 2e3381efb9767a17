import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Dom0Layout } from '../api/layout.ts';
import { once } from '../api/once.ts';
import { messageOf } from '../controller/message-of.ts';
import { replaceFile } from '../host/replace-file.ts';
import { type LastGoodStore, UnusableRecordError } from '../source/last-good.ts';
import { readBounded } from './bounded-read.ts';

/** Bytes of all texts together, as JSON: thousands of manifests. */
const BYTES_MAX = 32 * 1024 * 1024;

const record = once(() => z.strictObject({ version: z.literal(1), files: z.record(z.string(), z.string()) }));

const WITHOUT = 'a manifest that is broken now stays out of force until it is mended';

/** The manifests' last good texts, as a file of the state folder. No file: nothing was ever in force. */
export class LastGoodFile implements LastGoodStore {
  readonly path: string;
  /** Whether what is in the file was found to be of no use: it is kept for a person all the same. */
  #isUnusable = false;

  constructor(layout: Dom0Layout) {
    this.path = join(layout.state, 'last-good.json');
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    try {
      const text = await readBounded(this.path, BYTES_MAX);
      return text === undefined ? new Map() : new Map(Object.entries(record().parse(JSON.parse(text)).files));
    } catch (cause) {
      throw isFileSystems(cause) ? this.#unread(cause) : this.#unusable(cause);
    }
  }

  async save(texts: ReadonlyMap<string, string>): Promise<void> {
    try {
      const text = `${JSON.stringify({ version: 1, files: Object.fromEntries(texts) })}\n`;
      const bytes = Buffer.byteLength(text);
      if (bytes > BYTES_MAX) throw new Error(`the manifests are ${bytes} bytes, and at most ${BYTES_MAX} are kept`);
      if (this.#isUnusable) await this.#setAside();
      await replaceFile(this.path, text, { mode: 0o600, durable: true });
    } catch (cause) {
      const reason = messageOf(cause);
      throw new Error(`the last good manifests are not kept for the next start: ${reason}`, { cause });
    }
  }

  #unread(cause: Error): Error {
    const meanwhile = 'until it can, nothing replaces it, and what is in force now is not kept for the next start';
    return new Error(`${this.path} cannot be read: ${messageOf(cause)}; ${meanwhile}, and ${WITHOUT}`, { cause });
  }

  #unusable(cause: unknown): UnusableRecordError {
    this.#isUnusable = true;
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    const aside = `the controller keeps it as ${this.#aside} when it writes the next one`;
    return new UnusableRecordError(`${this.path} cannot be used: ${reason}; ${WITHOUT}; ${aside}`, { cause });
  }

  get #aside(): string {
    return `${this.path}.unusable`;
  }

  async #setAside(): Promise<void> {
    await rename(this.path, this.#aside);
    this.#isUnusable = false;
  }
}

/** Whether the file system refuses, and may not do so later. */
function isFileSystems(cause: unknown): cause is Error {
  return cause instanceof Error && 'code' in cause;
}

/** Lets a process that only looks see what is in force, without keeping anything. */
export function readOnly(store: LastGoodStore): LastGoodStore {
  return { load: () => store.load(), save: () => Promise.resolve() };
}
