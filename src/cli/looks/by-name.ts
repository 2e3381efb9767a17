import type { Status } from '../../controller/status-types.ts';

/** A status with its assignments in the order in which they are shown. */
export function byName(status: Status): Status {
  return { ...status, assignments: status.assignments.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}
