import type { Condition } from '../../api/conditions.ts';
import { CliError } from '../exit.ts';
import { noAssignmentText } from '../find.ts';
import type { Survey } from './survey.ts';

const TYPES = ['Ready', 'Reconciling', 'Stalled', 'ForeignDevices', 'OnTrial'] as const;

/** What is waited for. */
export type Goal =
  | { readonly type: 'delete' }
  | { readonly type: 'condition'; readonly condition: (typeof TYPES)[number]; readonly status: 'True' | 'False' };

/** Reads `condition=Ready`, `condition=Stalled=False` or `delete`. @returns undefined for what is none of them. */
export function parseGoal(text: string): Goal | undefined {
  if (text === 'delete') return { type: 'delete' };
  const [, name, value = 'true'] = /^condition=([A-Za-z]+)(?:=(true|false))?$/i.exec(text) ?? [];
  const condition = TYPES.find(type => type.toLowerCase() === name?.toLowerCase());
  if (condition === undefined) return undefined;
  return { type: 'condition', condition, status: value.toLowerCase() === 'true' ? 'True' : 'False' };
}

/** Whether an assignment is as it is waited for, and how it stands, in words. */
export interface Standing {
  readonly met: boolean;
  readonly text: string;
}

/**
 * How an assignment stands. It is deleted when no manifest has it any more and the record holds none of its devices.
 * @throws {CliError} where there is no assignment whose condition could come true.
 */
export function standingOf(look: Survey, name: string, goal: Goal): Standing {
  const found = look.status.assignments.find(assignment => assignment.name === name);
  if (goal.type === 'delete') {
    const held = [...look.inventory.values()].filter(record => record.assignment === name);
    if (found !== undefined) return { met: false, text: `it is written in ${found.file}:${found.line}` };
    if (held.length === 0) return { met: true, text: 'gone' };
    return { met: false, text: `${held.map(({ address }) => address).join(', ')} is being let go of` };
  }
  if (found === undefined) {
    const known = look.status.assignments.map(assignment => assignment.name);
    throw new CliError(noAssignmentText(name, known, look.globals.manifests));
  }
  const conditions: readonly Condition[] = found.conditions;
  const condition = conditions.find(({ type }) => type === goal.condition);
  // Reconciling, Stalled, ForeignDevices and OnTrial are there only while they are true.
  const status = condition?.status ?? 'False';
  const shown = condition ?? conditions.find(({ type }) => type === 'Ready');
  const reason = shown === undefined ? '' : `: ${shown.reason}: ${shown.message}`;
  return { met: status === goal.status, text: `${goal.condition} is ${status}${reason}` };
}
