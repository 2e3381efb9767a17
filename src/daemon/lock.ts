import type { Dom0Layout } from '../api/layout.ts';
import { isLock, type SocketLock, takeSocketLock } from '../host/socket-lock.ts';

/** Another controller works on this host. */
export class LockHeldError extends Error {
  override readonly name: string = 'LockHeldError';
  /** The other's process id, when it told. */
  readonly holder: number | undefined;

  constructor(holder: number | undefined) {
    super(
      `another xenpci ${holder === undefined ? '' : `(process ${holder}) `}already controls this host; stop it first`,
    );
    this.holder = holder;
  }
}

/** The right to change a host, and to write the record of what is held. */
export type Lock = SocketLock;

/** What the lock is taken for. `hook`: for as long as one start of a domain is prepared. */
export type LockPurpose = 'controller' | 'hook';

const NAME = 'lock';
/** A hook ends after a minute at the latest, ms. */
const HOOK_MS = 90_000;

/**
 * Takes the right to be the only controller of a host. A hook that prepares a start has it for a moment, and is waited
 * for.
 *
 * @throws {LockHeldError} when another controller has it, or whoever has it does not let go in time.
 */
export async function acquireLock(layout: Dom0Layout): Promise<Lock> {
  const signal = AbortSignal.timeout(HOOK_MS);
  let seen: number | undefined;
  try {
    const result = await takeSocketLock(layout, {
      name: NAME,
      purpose: 'controller' satisfies LockPurpose,
      signal,
      waitsFor: ({ pid, purpose }) => {
        seen = pid;
        return purpose === ('hook' satisfies LockPurpose);
      },
    });
    if (isLock(result)) return result;
    throw new LockHeldError(result.pid);
  } catch (error) {
    if (signal.aborted && error === signal.reason) throw new LockHeldError(seen);
    throw error;
  }
}

/**
 * Takes the right to write the record for one start, waiting for other starts.
 * @returns undefined when a controller runs, whose record it then is.
 * @throws the reason of `signal`.
 */
export async function acquireForStart(layout: Dom0Layout, signal: AbortSignal): Promise<Lock | undefined> {
  const result = await takeSocketLock(layout, {
    name: NAME,
    purpose: 'hook' satisfies LockPurpose,
    signal,
    waitsFor: ({ purpose }) => purpose === ('hook' satisfies LockPurpose),
  });
  return isLock(result) ? result : undefined;
}
