import { setTimeout as after } from 'node:timers/promises';
import type { Dom0Layout } from '../../api/layout.ts';

/** ms between two attempts to find a controller that answers. */
export const RETRY_MS = 1_000;

/**
 * Calls `hint` when the controller tells of an event, and when one begins or ceases to answer.
 * @returns a function that ends it.
 */
export function onServedNews(layout: Dom0Layout, hint: () => void): () => void {
  const ending = new AbortController();
  void follow(layout, ending.signal, hint);
  return () => ending.abort();
}

async function follow(layout: Dom0Layout, signal: AbortSignal, hint: () => void): Promise<void> {
  const { servedEvents } = await import('../../daemon/api/event-client.ts');
  for (let goesOn = true; goesOn; goesOn = await paused(signal)) {
    try {
      await servedEvents(layout, { signal, begun: hint, hear: hint });
      hint();
    } catch {
      // Nobody answers, or not with events: whoever waits looks now and then without a hint.
    }
  }
}

/** Waits a moment. @returns whether to go on. */
export async function paused(signal: AbortSignal): Promise<boolean> {
  try {
    await after(RETRY_MS, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
