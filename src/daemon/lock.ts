import type { Dom0Layout } from '../api/layout.ts';
import { type FileLock, fileLockHolder, isLock, takeFileLock } from '../host/file-lock.ts';

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
export type Lock = FileLock;

/** What the lock is taken for. `hook`: for as long as one start of a domain is prepared. */
export type LockPurpose = 'controller' | 'hook';

const NAME = 'lock';
/** The controller of a host, also one whose looks have not succeeded yet. @throws {Error} when that cannot be read. */
export async function runningController(layout: Dom0Layout): Promise<number | undefined> {
  const holder = await fileLockHolder(layout, NAME);
  return holder?.purpose === ('controller' satisfies LockPurpose) ? holder.pid : undefined;
}

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
    const result = await takeFileLock(layout, {
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
  const result = await takeFileLock(layout, {
    name: NAME,
    purpose: 'hook' satisfies LockPurpose,
    signal,
    waitsFor: ({ purpose }) => purpose === ('hook' satisfies LockPurpose),
  });
  return isLock(result) ? result : undefined;
}
