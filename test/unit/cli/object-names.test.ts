import { expect, test } from 'vitest';
import { bareName, kindsApart } from '../../../src/cli/object-names.ts';

test.each([
  [
    ['get', 'device/0000:03:00.0', '-o', 'yaml'],
    ['get', 'device', '0000:03:00.0', '-o', 'yaml'],
  ],
  [
    ['--root', '/r', 'describe', 'assignments/web'],
    ['--root', '/r', 'describe', 'assignments', 'web'],
  ],
  [
    ['get', 'devices', '03:00.0'],
    ['get', 'devices', '03:00.0'],
  ],
  [
    ['apply', 'device/web.yaml'],
    ['apply', 'device/web.yaml'],
  ],
  [
    ['describe', 'pod/x'],
    ['describe', 'pod/x'],
  ],
])('%j', (given, taken) => {
  expect(kindsApart(given)).toEqual(taken);
});

test('a name may have its kind before it', () => {
  expect(['assignment/web', 'device/03:00.0', 'web', 'a/b'].map(bareName)).toEqual(['web', '03:00.0', 'web', 'a/b']);
});
