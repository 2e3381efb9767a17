import { describe, expect, test } from 'vitest';
import { seconds, trialSeconds } from '../../../src/cli/terminal/numbers.ts';

describe('a duration on the command line', () => {
  test.each([
    ['90', 90],
    ['0.5', 0.5],
    ['30s', 30],
    ['5m', 300],
    ['1h', 3600],
    ['2147483', 2_147_483],
  ])('%s', (text, value) => {
    expect(seconds(text)).toBe(value);
  });

  test.each(['', '0', '-1', '5d', 'm', '1 m', '1e3', '2147484', '597h', '0x10', '.5'])('%j is none', text => {
    expect(() => seconds(text)).toThrow('such as 90, 5m or 1h');
  });

  test('that of a trial is in whole seconds, and a day at most', () => {
    expect([trialSeconds('24h'), trialSeconds('1')]).toEqual([86_400, 1]);
    for (const text of ['24.1h', '0.5', '86401']) expect(() => trialSeconds(text)).toThrow('between 1s and 24h');
  });
});
