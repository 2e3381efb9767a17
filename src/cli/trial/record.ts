import { randomUUID } from 'node:crypto';
import { messageOf } from '../../controller/message-of.ts';
import { momentOf } from '../../daemon/trial/moment.ts';
import type { Trial } from '../../daemon/trial/trial.ts';
import { hashAt } from '../../daemon/trial/trial-file.ts';
import type { NewManifest } from '../applied.ts';
import type { Globals } from '../context.ts';
import { CliError } from '../exit.ts';

export interface TrialOptions {
  readonly globals: Globals;
  readonly manifest: NewManifest;
  readonly timeoutMs: number;
  readonly by: string;
}

/** What is written down of a trial that begins now. @throws {CliError} */
export async function newTrial({ globals, manifest, timeoutMs, by }: TrialOptions): Promise<Trial> {
  const { layout, manifests: folder } = globals;
  const { path, bytes } = manifest;
  try {
    const [now, before] = [await momentOf(layout), await hashAt(path)];
    return {
      id: randomUUID(),
      folder,
      path,
      text: bytes.toString('utf8'),
      ...(before === undefined ? {} : { before }),
      by,
      until: Date.now() + timeoutMs,
      bootId: now.bootId,
      begunUptimeMs: now.uptimeMs,
      timeoutMs,
    };
  } catch (cause) {
    throw new CliError(`nothing is tried: ${messageOf(cause)}`, { cause });
  }
}
