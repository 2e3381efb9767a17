import type { DeviceStatus, FailureStatus, WaitStatus } from '../../controller/status-types.ts';
import { untilText } from '../../daemon/duration.ts';
import type { Survey } from '../looks/survey.ts';
import type { Screen } from '../terminal/screen.ts';
import { ageText, timeOfDay } from '../terminal/times.ts';

/** Steps, numbered. */
export function stepLines(steps: readonly string[]): string[] {
  return steps.map((step, index) => `${index + 1}. ${step}`);
}

/** Whether nothing is to come of a device: no step, wait or failure. */
export function isIdle({ steps, wait, failure }: DeviceStatus): boolean {
  return steps.length === 0 && wait === undefined && failure === undefined;
}

/** What is to come of a device: its steps, what it waits for or why it is refused, and how it failed. */
export function showPending(screen: Screen, look: Survey, device: DeviceStatus | undefined): void {
  const { steps, afterApproval, wait, failure }: Partial<DeviceStatus> = device ?? {};
  screen.field('Steps', ...stepLines(steps ?? []));
  if (afterApproval !== undefined) screen.field('Once approved', ...stepLines(afterApproval));
  if (wait !== undefined) screen.field(wait.kind === 'guard' ? 'Refused' : 'Waits', ...waitLines(wait, look));
  if (failure !== undefined) screen.field('Failed', ...failureLines(failure, look));
}

/** A wait or a refusal, and since when and until when: only a running controller knows the times. */
function waitLines(wait: WaitStatus, { controller, now }: Pick<Survey, 'controller' | 'now'>): string[] {
  const first = `${wait.reason}: ${wait.message}`;
  if (controller === undefined) return [first];
  const since = `since ${timeOfDay(wait.since)} (${ageText(wait.since, now)})`;
  if (wait.deadline === undefined) return [first, since];
  const end = wait.overdue ? 'longer than it should' : `counts as stalled ${untilText(Date.parse(wait.deadline), now)}`;
  return [first, `${since}, ${end}`];
}

/** How often a step failed, why, and when it is tried again. */
function failureLines({ count, error, since, nextTry }: FailureStatus, { now }: Pick<Survey, 'now'>): string[] {
  const times = count === 1 ? 'once' : `${count} times`;
  const next = untilText(Date.parse(nextTry), now);
  return [error, `failed ${times} since ${timeOfDay(since)}; next try ${next} (${timeOfDay(nextTry)})`];
}
