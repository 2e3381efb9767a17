import { access } from 'node:fs/promises';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { LookTextError } from './look-text-error.ts';
import { refusalIn } from './refusal.ts';
import type { ServedLook } from './served-look.ts';
import { GROUP, isNobody, socketPath } from './socket-file.ts';

/** No host of this world needs more for a look. */
const BYTES_MAX = 64 * 1024 * 1024;
/** The controller answers at once; while one of its passes decides it may take a little longer, ms. */
const ANSWER_MS = 5_000;
/** A look that is yet to be made may take as long as the controller gives it. */
const FRESH_ANSWER_MS = 15_000;

/** The controller's last look, or why there is none to be had. */
export type LastLook = ServedLook | NoLook;

export interface NoLook {
  /**
   * `NoController`: nobody listens. `NotYet`: one has just been started. `NoAccess`: this user may not ask.
   * `Unusable`: it answers nothing of use, or not in time.
   */
  readonly none: 'NoController' | 'NotYet' | 'NoAccess' | 'Unusable';
  /** A clause for people. */
  readonly why: string;
}

const REFUSED: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM']);

export interface LastLookOptions {
  /** This program's: another one's look is not read. */
  readonly version: string;
  /** One that began after this was asked for. */
  readonly fresh?: boolean;
  /** Gives up. */
  readonly signal?: AbortSignal;
  readonly bytesMax?: number;
  readonly answerMs?: number;
}

/** Asks the running controller for its last look, or a fresh one. Never throws, and comes to an end in bounded time and space. */
export async function lastLook(layout: Dom0Layout, options: LastLookOptions): Promise<LastLook> {
  const { version, fresh = false, signal, bytesMax = BYTES_MAX } = options;
  const { answerMs = fresh ? FRESH_ANSWER_MS : ANSWER_MS } = options;
  const path = socketPath(layout);
  const deadline = AbortSignal.timeout(answerMs);
  try {
    await access(path);
    const ending = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    // Only here: where there is no controller, neither a web client nor what a look has to be like is needed.
    const [{ answered }, { decodeLook }] = await Promise.all([import('./answered.ts'), import('./served-look.ts')]);
    const { code, text } = await answered(path, fresh ? '/v1/look?fresh' : '/v1/look', ending, bytesMax);
    if (code !== 200) return refusal(code, text);
    return decodeLook(text, version);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (isNobody(cause)) return { none: 'NoController', why: 'no controller runs' };
    if (REFUSED.has(code)) {
      return { none: 'NoAccess', why: `you are not in group ${GROUP}, which may ask the controller at ${path}` };
    }
    if (deadline.aborted) return unusable(`does not answer within ${answerMs / 1000} s`);
    return unusable(cause instanceof LookTextError ? cause.message : `does not answer: ${messageOf(cause)}`);
  }
}

/** What an answer of another kind comes to: its words are for people where it is one of ours. */
function refusal(code: number, text: string): NoLook {
  const { reason, message } = refusalIn(text);
  if (code === 404) return unusable('is of another version of xenpci');
  if (code !== 503 || typeof message !== 'string') return unusable(`answers with code ${code}`);
  return { none: reason === 'NotReady' ? 'NotYet' : 'Unusable', why: message };
}

function unusable(clause: string): NoLook {
  return { none: 'Unusable', why: `the controller ${clause}` };
}
