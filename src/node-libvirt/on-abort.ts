interface Waiting {
  readonly aborts: Set<() => void>;
  readonly listener: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `abort` when the signal is aborted. However many wait for one signal, it has one listener: a signal compares each
 * new one with all that it has. When nobody waits any more it has none: Node keeps a signal made by AbortSignal.any for as
 * long as somebody listens to it.
 * @returns a function that ends it.
 */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  const { aborts, listener } = waiting.get(signal) ?? listening(signal);
  aborts.add(abort);
  return () => {
    if (!aborts.delete(abort) || aborts.size > 0) return;
    signal.removeEventListener('abort', listener);
    waiting.delete(signal);
  };
}

function listening(signal: AbortSignal): Waiting {
  const aborts = new Set<() => void>();
  const listener = (): void => {
    for (const abort of [...aborts]) abort();
  };
  const made = { aborts, listener };
  waiting.set(signal, made);
  signal.addEventListener('abort', listener);
  return made;
}
