import { describe, expect, test } from 'vitest';
import { FreshLooks } from '../../../../src/daemon/api/fresh-looks.ts';
import { FakeClock, settle } from '../../../fake-clock.ts';
import { device, domain, observed, source } from '../../../world.ts';
import { lookAt } from './served.ts';

const look = lookAt(observed([device('0000:03:00.0', { at: 'host' })], [domain('red', { domid: 1 })]), source([]));

function asked() {
  const clock = new FakeClock();
  let looks = 0;
  const fresh = new FreshLooks(clock, () => {
    looks += 1;
  });
  const answers: boolean[] = [];
  const ask = async (): Promise<void> => {
    void fresh.ask().then(answer => answers.push(answer));
    await settle();
  };
  const pass = async (durationMs: number, succeeds = true): Promise<void> => {
    fresh.hear({ durationMs, backingOff: 0, ...(succeeds ? { look } : {}) });
    await settle();
  };
  return { clock, ask, pass, fresh, answers, looks: () => looks };
}

describe('a fresh look', () => {
  test('is one that began after it was asked for, and succeeded', async () => {
    const { clock, ask, pass, answers, looks } = asked();
    await clock.advance(100);
    await ask();
    await clock.advance(10);
    expect(looks()).toBe(1);
    // It was under way when somebody asked, so it may have read what has changed since.
    await pass(50);
    expect(answers).toEqual([]);
    await clock.advance(20);
    await pass(10, false);
    expect(answers).toEqual([]);
    await clock.advance(20);
    await pass(10);
    expect(answers).toEqual([true]);
  });

  test('costs one look in a second, however many ask', async () => {
    const { clock, ask, pass, answers, looks } = asked();
    for (let one = 0; one < 50; one++) await ask();
    await clock.advance(10);
    expect(looks()).toBe(1);
    await pass(5);
    expect(answers).toHaveLength(50);
    for (let one = 0; one < 50; one++) await ask();
    await clock.advance(900);
    expect(looks()).toBe(1);
    await clock.advance(200);
    expect(looks()).toBe(2);
  });

  test('that does not come in time, or ever, is said so', async () => {
    const { clock, ask, fresh, answers } = asked();
    await ask();
    await clock.advance(11_000);
    expect(answers).toEqual([false]);
    await ask();
    fresh.close();
    await settle();
    expect(answers).toEqual([false, false]);
  });
});
