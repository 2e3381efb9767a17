import { join } from 'node:path';
import * as z from 'zod';
import { type Address, parseAddress } from '../api/address.ts';
import type { Dom0Layout } from '../api/layout.ts';
import { once } from '../api/once.ts';
import { messageOf } from '../controller/message-of.ts';
import type { ApprovalStore } from '../controller/ports.ts';
import { replaceFile } from '../host/replace-file.ts';
import { type Approval, inForce } from '../plan/approval.ts';
import { readBounded } from './bounded-read.ts';
import { watchStateFile } from './file-watch.ts';

const VERSION = 1;
const BYTES_MAX = 1024 * 1024;

const record = once(() =>
  z.strictObject({
    version: z.literal(VERSION),
    approvals: z.array(
      z.strictObject({ device: z.string(), uuid: z.string(), domid: z.int().nonnegative(), until: z.number() }),
    ),
  }),
);

/** What a person has approved, as a file of the state folder: `xenpci approve` writes it, controllers read it. */
export class ApprovalFile implements ApprovalStore {
  readonly path: string;
  readonly #onWatchError: (message: string) => void;

  /** @param onWatchError told when the file cannot be watched: it is then read at the next look all the same. */
  constructor(layout: Dom0Layout, onWatchError: (message: string) => void = () => undefined) {
    this.path = join(layout.state, 'approvals.json');
    this.#onWatchError = onWatchError;
  }

  async load(): Promise<readonly Approval[]> {
    try {
      const text = await readBounded(this.path, BYTES_MAX);
      return text === undefined ? [] : decode(text);
    } catch (cause) {
      throw new Error(`the approvals in ${this.path} cannot be used: ${messageOf(cause)}; approve once more`, {
        cause,
      });
    }
  }

  /**
   * Adds approvals to those that still hold; a file that cannot be used is replaced.
   * @param now ms since the epoch.
   * @throws the file system's error.
   */
  async add(approvals: readonly Approval[], now: number): Promise<void> {
    const before = await this.load().catch(() => []);
    const all = [...inForce(before, now), ...approvals];
    await replaceFile(this.path, `${JSON.stringify({ version: VERSION, approvals: all }, null, 2)}\n`, {
      mode: 0o600,
      durable: true,
    });
  }

  onHint(hint: () => void): () => void {
    return watchStateFile(this.path, hint, this.#onWatchError);
  }
}

function decode(text: string): Approval[] {
  const parsed = record().safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error('it is no record of approvals', { cause: parsed.error });
  return parsed.data.approvals.map(({ device, ...rest }) => ({ ...rest, device: addressOf(device) }));
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${JSON.stringify(text)} is no PCI address`);
  return address;
}
