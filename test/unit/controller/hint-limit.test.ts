import { describe, expect, test } from 'vitest';
import { HintLimit } from '../../../src/controller/hint-limit.ts';
import { FakeClock } from '../../fake-clock.ts';

/** A limit, and how many looks it has caused: each begins at once when it is asked for. */
function looking() {
  const clock = new FakeClock();
  let asked = 0;
  const limit: HintLimit = new HintLimit(clock, () => {
    asked += 1;
    limit.begin();
  });
  return { clock, limit, looks: () => asked };
}

describe('hints of the host', () => {
  test('cause a look each as long as there are few', () => {
    const { limit, looks } = looking();
    for (let hint = 0; hint < 40; hint++) limit.hint();
    expect(looks()).toBe(40);
  });

  test('in any number cause five looks a second, and the last of them is answered', async () => {
    const { clock, limit, looks } = looking();
    for (let second = 0; second < 20; second++) {
      for (let hint = 0; hint < 1_000; hint++) limit.hint();
      await clock.advance(1_000);
    }
    expect(looks()).toBeLessThanOrEqual(50 + 20 * 5);
    expect(looks()).toBeGreaterThanOrEqual(50 + 19 * 5);
    const before = looks();
    limit.hint();
    await clock.advance(200);
    expect(looks()).toBe(before + 1);
    await clock.advance(60_000);
    expect(looks()).toBe(before + 1);
  });

  test('are few again after a time without any', async () => {
    const { clock, limit, looks } = looking();
    for (let hint = 0; hint < 100; hint++) limit.hint();
    await clock.advance(20_000);
    const before = looks();
    for (let hint = 0; hint < 40; hint++) limit.hint();
    expect(looks()).toBe(before + 40);
  });

  test('are answered by a look that was asked for otherwise', async () => {
    const { clock, limit, looks } = looking();
    for (let hint = 0; hint < 51; hint++) limit.hint();
    limit.begin();
    const before = looks();
    await clock.advance(60_000);
    expect(looks()).toBe(before);
  });

  test('are bounded as well when the clock is set back', async () => {
    const { clock, limit, looks } = looking();
    for (let hint = 0; hint < 100; hint++) limit.hint();
    clock.setBack(3_600_000);
    limit.hint();
    await clock.advance(200);
    expect(looks()).toBe(51);
  });

  test('leave no timer behind', async () => {
    const { clock, limit, looks } = looking();
    for (let hint = 0; hint < 60; hint++) limit.hint();
    limit.end();
    const before = looks();
    await clock.advance(60_000);
    expect(looks()).toBe(before);
  });
});
