import { expect, test } from 'vitest';
import { ask } from '../../../src/host/examine/ask.ts';

test('an answer, and a failure as an answer', async () => {
  expect(await ask(60_000, async () => 1)).toEqual({ found: 1 });
  expect(await ask(60_000, () => Promise.reject(new Error('no disk')))).toEqual({ unknown: 'no disk' });
  const throws = (): never => {
    throw new Error('at once');
  };
  expect(await ask(60_000, throws)).toEqual({ unknown: 'at once' });
});

test('a question that neither answers nor obeys its signal is given up', async () => {
  let told = false;
  const deaf = (signal: AbortSignal): Promise<never> => {
    signal.addEventListener('abort', () => {
      told = true;
    });
    return new Promise(() => undefined);
  };
  expect(await ask(1, deaf)).toEqual({ unknown: 'no answer within 0.001 s' });
  expect(told).toBe(true);
});
