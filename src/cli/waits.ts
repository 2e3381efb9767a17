import type { FailureStatus, WaitStatus } from '../controller/status-types.ts';
import { untilText } from '../daemon/duration.ts';
import type { Survey } from './survey.ts';
import { ageText, timeOfDay } from './times.ts';

/** Steps, numbered. */
export function stepLines(steps: readonly string[]): string[] {
  return steps.map((step, index) => `${index + 1}. ${step}`);
}

/** A wait or a refusal, and since when and until when: only a running controller knows the times. */
export function waitLines(wait: WaitStatus, { controller, now }: Pick<Survey, 'controller' | 'now'>): string[] {
  const first = `${wait.reason}: ${wait.message}`;
  if (controller === undefined) return [first];
  const since = `since ${timeOfDay(wait.since)} (${ageText(wait.since, now)})`;
  if (wait.deadline === undefined) return [first, since];
  const end = wait.overdue ? 'longer than it should' : `counts as stalled ${untilText(Date.parse(wait.deadline), now)}`;
  return [first, `${since}, ${end}`];
}

/** How often a step failed, why, and when it is tried again. */
export function failureLines({ count, error, since, nextTry }: FailureStatus, { now }: Pick<Survey, 'now'>): string[] {
  const times = count === 1 ? 'once' : `${count} times`;
  const next = untilText(Date.parse(nextTry), now);
  return [error, `failed ${times} since ${timeOfDay(since)}; next try ${next} (${timeOfDay(nextTry)})`];
}
