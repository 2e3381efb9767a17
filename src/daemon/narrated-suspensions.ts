import type { Suspension, Suspensions } from '../api/suspension.ts';
import { ref } from './events/event.ts';
import { eventLine, type Line } from './line.ts';

/** Who has suspended what and who has given it back, from one record to the next, as lines. */
export function suspensionLines(before: Suspensions, after: Suspensions): Line[] {
  if ('unusable' in after) return [unusable(after.unusable)];
  const known = 'unusable' in before ? [] : before.suspended;
  const ended = known.filter(each => !isIn(after.suspended, each));
  return [
    ...('unusable' in before ? [usableAgain()] : []),
    ...ended.map(({ assignment }) => resumed(assignment, after)),
    ...after.suspended.filter(each => !isIn(known, each)).map(suspended),
  ];
}

function isIn(all: readonly Suspension[], { assignment, since }: Suspension): boolean {
  return all.some(each => each.assignment === assignment && each.since === since);
}

function suspended({ assignment, since, by, reason }: Suspension): Line {
  const note = `${assignment} is suspended by ${by}${reason === undefined ? '' : `: ${reason}`}`;
  const fields = { assignment, by, since: new Date(since).toISOString(), ...(reason === undefined ? {} : { reason }) };
  return eventLine('warn', 'Suspended', note, fields, { action: 'Suspend', regarding: ref('assignment', assignment) });
}

function resumed(assignment: string, { resumed }: Exclude<Suspensions, { unusable: string }>): Line {
  const last = resumed.findLast(each => each.assignment === assignment);
  const by = last?.by ?? 'somebody';
  const fields = { assignment, by, ...(last === undefined ? {} : { at: new Date(last.at).toISOString() }) };
  const about = { action: 'Resume', regarding: ref('assignment', assignment) };
  return eventLine('info', 'Resumed', `${assignment} is resumed by ${by}`, fields, about);
}

const HOST = ref('host', 'dom0');

function unusable(why: string): Line {
  const note = `${why}; nobody knows what is suspended, so no step is taken; to go on with all: xenpci resume --all`;
  return eventLine('error', 'SuspensionsUnusable', note, {}, { action: 'Read', regarding: HOST });
}

function usableAgain(): Line {
  const note = 'the record of what is suspended can be used again';
  return eventLine('info', 'SuspensionsUsable', note, {}, { action: 'Read', regarding: HOST });
}
