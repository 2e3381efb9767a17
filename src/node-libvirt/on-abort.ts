/** What is waiting for each signal. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `abort` once when the signal is aborted. However many wait for one signal, it has one listener: a signal compares
 * each new one with all that it has.
 * @returns a function that ends it.
 */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  const others = waiting.get(signal) ?? listening(signal);
  others.add(abort);
  return () => void others.delete(abort);
}

function listening(signal: AbortSignal): Set<() => void> {
  const all = new Set<() => void>();
  waiting.set(signal, all);
  const tell = (): void => {
    for (const abort of [...all]) abort();
  };
  signal.addEventListener('abort', tell, { once: true });
  return all;
}
