import type { AssignmentStatus } from '../../controller/status-types.ts';
import { readyOf } from '../../daemon/narration.ts';
import type { Screen } from '../terminal/screen.ts';
import { type CellInput, tone } from '../terminal/table.ts';
import { ageText } from '../terminal/times.ts';
import { readyCell } from './readiness.ts';

export interface AssignmentTableOptions {
  /** ms since the epoch; undefined where nobody knows how long things have been so. */
  readonly now: number | undefined;
  /** RFC 3339: the first look of whoever tells. How long what was so then had been so before, it does not know. */
  readonly from?: string;
  readonly wide: boolean;
}

/** A table with one row for each assignment, by name. */
export function showAssignments(
  screen: Screen,
  assignments: readonly AssignmentStatus[],
  { wide, ...times }: AssignmentTableOptions,
): void {
  const headers = ['NAME', 'DOMAIN', 'DEVICES', 'READY', 'REASON', 'AGE'];
  const rows = assignments
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(assignment => {
      const row = tableRow(assignment, times);
      const place = `${assignment.file}:${assignment.line}`;
      return wide ? [...row, place, readyOf(assignment)?.message] : row;
    });
  screen.table(wide ? [...headers, 'FILE', 'MESSAGE'] : headers, rows, { wide });
}

function tableRow(assignment: AssignmentStatus, times: Omit<AssignmentTableOptions, 'wide'>): CellInput[] {
  const ready = readyOf(assignment);
  const inPlace = assignment.devices.filter(device => device.ready).length;
  const stalled = assignment.conditions.find(condition => condition.type === 'Stalled');
  return [
    assignment.name,
    assignment.domain,
    `${inPlace}/${assignment.devices.length}`,
    readyCell(ready === undefined ? undefined : ready.status === 'True'),
    // In place and yet stalled: a file that is not valid, whose last good content stays in force.
    stalled === undefined ? ready?.reason : tone(stalled.reason, 'bad'),
    ready && readyAge(ready.lastTransitionTime, times),
  ];
}

function readyAge(since: string, { now, from }: Omit<AssignmentTableOptions, 'wide'>): string | undefined {
  const isKnown = from === undefined || Date.parse(since) > Date.parse(from);
  return now !== undefined && isKnown ? ageText(since, now) : undefined;
}
