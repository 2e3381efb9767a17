import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Dom0Layout } from '../api/layout.ts';
import { once } from '../api/once.ts';
import { messageOf } from '../controller/message-of.ts';
import type { Status } from '../controller/status-types.ts';
import { isRunning, markOf, type ProcessMark, processMark } from '../host/process-mark.ts';
import { replaceFile } from '../host/replace-file.ts';
import { readBounded } from './bounded-read.ts';

const BYTES_MAX = 64 * 1024 * 1024;
const VERSION = 1;

/** What a running controller last told about the host. */
export interface LiveStatus {
  readonly writer: ProcessMark;
  /** The folder of manifests that it works by. */
  readonly manifests: string;
  readonly status: Status;
  /** The last request to look now that it has answered; see LookRequest. */
  readonly answered?: string;
}

const record = once(() =>
  z.object({
    version: z.literal(VERSION),
    writer: processMark(),
    manifests: z.string(),
    answered: z.string().optional(),
    // Of the same program, so its parts are not checked one by one; what is missing altogether is.
    status: z.looseObject({
      observedAt: z.string(),
      assignments: z.array(z.looseObject({ name: z.string(), conditions: z.array(z.looseObject({})) })),
      devices: z.array(z.looseObject({ address: z.string() })),
      problems: z.array(z.looseObject({})),
    }),
  }),
);

function statusPath(layout: Dom0Layout): string {
  return join(layout.runtime, 'status.json');
}

/** Publishes what the controller of this process knows, for programs that look at the same host. */
export class StatusFile {
  readonly #path: string;
  readonly #manifests: string;
  readonly #onError: (message: string) => void;
  #latest: Status | undefined;
  #answered: string | undefined;
  #isNews = false;
  #writing: Promise<void> | undefined;

  /**
   * @param manifests the folder of manifests, absolute.
   * @param onError told when the status cannot be written: the work goes on without.
   */
  constructor(layout: Dom0Layout, manifests: string, onError: (message: string) => void) {
    this.#path = statusPath(layout);
    this.#manifests = manifests;
    this.#onError = onError;
  }

  /** Writes soon; of several that come while one is written only the last is. */
  publish(status: Status): void {
    this.#latest = status;
    this.#write();
  }

  /** Says with the last status which request it answers. */
  answer(request: string): void {
    this.#answered = request;
    this.#write();
  }

  /** Takes the file away: nobody stands for its content any more. */
  async close(): Promise<void> {
    this.#latest = undefined;
    await this.#writing;
    await rm(this.#path, { force: true });
  }

  #write(): void {
    this.#isNews = true;
    this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    try {
      const writer = await markOf(process.pid);
      for (let status = this.#take(); status !== undefined; status = this.#take()) {
        const about = { version: VERSION, writer, manifests: this.#manifests, answered: this.#answered };
        const text = JSON.stringify({ ...about, status });
        await replaceFile(this.#path, text, { mode: 0o600, durable: false });
      }
    } catch (cause) {
      this.#onError(`the status cannot be written: ${messageOf(cause)}`);
    } finally {
      this.#writing = undefined;
    }
  }

  #take(): Status | undefined {
    const isNews = this.#isNews;
    this.#isNews = false;
    return isNews ? this.#latest : undefined;
  }
}

/**
 * Reads what a running controller published.
 * @returns undefined when none runs, or when the file is of another version or damaged: it only adds to a look.
 */
export async function readLiveStatus(layout: Dom0Layout): Promise<LiveStatus | undefined> {
  const text = await readBounded(statusPath(layout), BYTES_MAX).catch(() => undefined);
  const parsed = text === undefined ? undefined : record().safeParse(parseJson(text));
  if (parsed?.success !== true || !(await isRunning(parsed.data.writer))) return undefined;
  const { writer, manifests, status, answered } = parsed.data;
  const live = { writer, manifests, status: status as unknown as Status };
  return answered === undefined ? live : { ...live, answered };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
