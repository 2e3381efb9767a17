import { beforeAll, describe, expect, test } from 'vitest';
import { capturedShell, run } from '../unit/cli/captured-shell.ts';
import { callsOf } from './program-calls.ts';

let calls: readonly (readonly string[])[];
beforeAll(async () => {
  calls = await callsOf(capturedShell());
});

describe('help', () => {
  test('of every command has examples, fits 80 columns, ends with 0, and is as it was', async () => {
    expect(calls.length).toBeGreaterThan(25);
    for (const call of calls) {
      const { code, out, err } = await run([...call, '--help']);
      expect([code, err]).toEqual([0, '']);
      expect(out, call.join(' ')).toContain('\nExamples:\n  # ');
      for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
      expect(out).toMatchSnapshot(['xenpci', ...call, '--help'].join(' '));
    }
  });

  test('is the same on a terminal', async () => {
    for (const call of calls) {
      const piped = await run([...call, '--help']);
      expect(await run([...call, '--help'], { isTerminal: true, columns: 80 })).toEqual(piped);
    }
  });
});
