/** The longest time a timer of Node can be set to, in ms; it would fire a longer one at once. */
const MAX_TIMER_MS = 0x7fffffff;

/** `setTimeout` for times of any length: about 25 days stand for everything that is longer. */
export function startTimer(callback: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(callback, Math.min(ms, MAX_TIMER_MS));
}
