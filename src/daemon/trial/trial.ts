import { createHash } from 'node:crypto';
import * as z from 'zod';
import { once } from '../../api/once.ts';

/** How a trial came to its end: `overtaken` when somebody else changed the file that it stands for. */
export type TrialEnd = 'confirmed' | 'reverted' | 'expired' | 'restarted' | 'overtaken';

/** A manifest that is in force for a time, in place of what the folder has at its path. */
export interface Trial {
  readonly id: string;
  /** The folder of manifests, and where in it the file would be; both absolute. */
  readonly folder: string;
  readonly path: string;
  /** What is tried. */
  readonly text: string;
  /** Hash of the file that was there when it began; absent when there was none. */
  readonly before?: string;
  /** Whoever tries it, in words. */
  readonly by: string;
  /** The end as the clock had it then, ms since the epoch: for people. Clocks jump, so it decides nothing. */
  readonly until: number;
  /** What decides: the boot, when in it the trial began, and how long it may last. ms. */
  readonly bootId: string;
  readonly begunUptimeMs: number;
  readonly timeoutMs: number;
  /** Set when a person has ended it. */
  readonly end?: { readonly how: 'confirmed' | 'reverted'; readonly by: string };
}

/** The longest trial, ms: a day. */
export const TRIAL_MS_MAX = 86_400_000;

/** A time that no clock's jump changes. */
export interface Moment {
  readonly bootId: string;
  /** Since that boot, ms. */
  readonly uptimeMs: number;
}

const record = once(() =>
  z.strictObject({
    version: z.literal(1),
    trial: z.strictObject({
      id: z.string(),
      folder: z.string(),
      path: z.string(),
      text: z.string(),
      before: z.string().exactOptional(),
      by: z.string(),
      until: z.number().nonnegative().max(8.64e15),
      bootId: z.string(),
      begunUptimeMs: z.number().nonnegative(),
      timeoutMs: z.number().positive().max(TRIAL_MS_MAX),
      end: z.strictObject({ how: z.enum(['confirmed', 'reverted']), by: z.string() }).exactOptional(),
    }),
  }),
);

export function encodeTrial(trial: Trial): string {
  return `${JSON.stringify({ version: 1, trial }, null, 2)}\n`;
}

/** @throws {Error} for what is no record of a trial. */
export function decodeTrial(text: string): Trial {
  return record().parse(JSON.parse(text)).trial;
}

/** A hash of a manifest's bytes. */
export function bytesHash(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** How much of a trial's time is left, ms; 0 when it is over or was begun in another boot. */
export function timeLeft({ bootId, begunUptimeMs, timeoutMs }: Trial, now: Moment): number {
  const passed = now.uptimeMs - begunUptimeMs;
  return now.bootId === bootId && passed >= 0 ? Math.max(0, timeoutMs - passed) : 0;
}

/**
 * How a trial has ended, if it has.
 * @param present hash of the file that is at its path now; undefined when there is none.
 */
export function endOf(trial: Trial, now: Moment, present: string | undefined): TrialEnd | undefined {
  if (trial.end !== undefined) return trial.end.how;
  // Whoever confirmed it has written the file, and died before the record said so.
  const isWritten = present === bytesHash(trial.text);
  if (!isWritten && present !== trial.before) return 'overtaken';
  if (timeLeft(trial, now) > 0) return undefined;
  if (isWritten) return 'confirmed';
  return trial.bootId === now.bootId ? 'expired' : 'restarted';
}
