/** Every wait in a test ends: at its own deadline, or at that of the test around it. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as after } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

const scope = new AsyncLocalStorage<AbortSignal>();

/** ms between two looks at something that sends no event. */
const LOOK_EVERY = 250;

/** What is being waited for at this moment, for the error of a deadline further out. */
const waits = new Set<string>();

/** Runs `body` while `what` counts as being waited for. */
export async function waiting<T>(what: string, body: () => Promise<T>): Promise<T> {
  waits.add(what);
  try {
    return await body();
  } finally {
    waits.delete(what);
  }
}

/** The signal of the innermost `within` around the caller; one that never fires outside of all. */
export function currentSignal(): AbortSignal {
  return scope.getStore() ?? new AbortController().signal;
}

/**
 * Runs `body`, and with it everything it waits for through this library, for at most `ms`.
 * @throws Error naming `what` when the time is over; the body is then left behind, its waits ended.
 */
export async function within<T>(what: string, ms: number, body: () => Promise<T>): Promise<T> {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(new Error(`${what}: not within ${ms / 1000} s${inner(what)}`)), ms);
  const outer = scope.getStore();
  const signal = outer === undefined ? own.signal : AbortSignal.any([outer, own.signal]);
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([scope.run(signal, () => waiting(what, body)), over]);
  } finally {
    clearTimeout(timer);
  }
}

function inner(what: string): string {
  const others = [...waits].filter(wait => wait !== what);
  return others.length === 0 ? '' : `; it waits for: ${others.join('; ')}`;
}

/**
 * Waits until `look` returns something.
 * @throws Error naming `what` after `ms`; what `look` throws ends the wait at once.
 */
export function until<T>(what: string, look: () => Promise<T | undefined>, ms: number): Promise<T> {
  return within(what, ms, async () => {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      await after(LOOK_EVERY, undefined, { signal: currentSignal() });
    }
  });
}

/**
 * Waits until `look` returns `wanted`.
 * @throws AssertionError after `ms`, with the difference between the last look and `wanted`.
 */
export async function becomes<T>(what: string, look: () => Promise<T>, wanted: T, ms: number): Promise<void> {
  let last: { seen: T } | undefined;
  const end = performance.now() + ms;
  const equal = async (): Promise<true | undefined> => {
    last = { seen: await look() };
    return isDeepStrictEqual(last.seen, wanted) || performance.now() > end ? true : undefined;
  };
  // A little longer than `ms`: the last look decides and says what it saw, not the clock.
  await until(what, equal, ms + 30_000);
  assert.deepEqual(last?.seen, wanted, `${what}: not within ${ms / 1000} s`);
}

/**
 * Looks for the whole of `ms` and fails as soon as `look` returns anything but `wanted`.
 * @throws AssertionError with the difference.
 */
export async function stays<T>(what: string, look: () => Promise<T>, wanted: T, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    assert.deepEqual(await look(), wanted, `${what}: did not stay`);
    await after(LOOK_EVERY, undefined, { signal: currentSignal() });
  }
}
