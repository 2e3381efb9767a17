import { expect, test } from 'vitest';
import type { Condition } from '../../../src/api/conditions.ts';
import { nextForAssignment } from '../../../src/cli/views/next.ts';

const SINCE = '2026-01-01T00:00:00.000Z';

function condition(type: Condition['type'], status: Condition['status'], reason: string): Condition {
  return { type, status, reason, message: '', lastTransitionTime: SINCE, observedGeneration: '0' };
}

test.each<[string, Condition[], string]>([
  ['all is in place', [condition('Ready', 'True', 'InPlace')], 'Nothing: it is as it should be.'],
  [
    'in place, while its file is broken',
    [condition('Ready', 'True', 'InPlace'), condition('Stalled', 'True', 'InvalidManifest')],
    "Correct the file: xenpci validate '/m/my file.yaml'",
  ],
  [
    'an entry that means no device',
    [condition('Ready', 'False', 'DeviceMissing'), condition('Reconciling', 'True', 'DeviceMissing')],
    'Put it back, or remove its entry.',
  ],
])('%s', (_, conditions, next) => {
  const assignment = { name: 'web', domain: 'web', file: '/m/my file.yaml', line: 1, devices: [], conditions };
  expect(nextForAssignment(assignment)).toBe(next);
});
