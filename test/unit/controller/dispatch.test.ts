import { describe, expect, test } from 'vitest';
import { Dispatch } from '../../../src/controller/dispatch.ts';
import type { Host } from '../../../src/controller/ports.ts';
import { type Step, stepText } from '../../../src/plan/step.ts';
import { FakeClock, settle } from '../../fake-clock.ts';
import { address } from '../../world.ts';

const never = new AbortController().signal;

/** With so many places for steps on cards, and on guests. */
function start(cardConcurrency: number, guestConcurrency = cardConcurrency) {
  const clock = new FakeClock();
  const ends = new Map<string, () => void>();
  const host: Host = {
    observe: () => Promise.reject(new Error('not looked at')),
    perform: step => new Promise(resolve => void ends.set(stepText(step), resolve)),
    onHint: () => () => undefined,
    close: async () => undefined,
  };
  const options = { cardConcurrency, guestConcurrency, stepDeadlineMs: 60_000, stepGraceMs: 1_000, offerMs: 2_000 };
  const listener = { begun: () => undefined, finished: () => undefined };
  const dispatch = new Dispatch(host, clock, options, listener);
  return {
    clock,
    dispatch,
    /** All that have been begun so far. */
    begun: () => [...ends.keys()],
    async end(step: Step) {
      ends.get(stepText(step))?.();
      await settle();
    },
  };
}

const bind = (text: string): Step => ({ verb: 'bind', device: address(text) });
const attach = (text: string, name: string): Step => ({
  verb: 'attach',
  device: address(text),
  guest: { name, uuid: name, domid: 1 },
  via: 'libvirt',
  permissive: false,
});
const [A, B, C] = [bind('0000:01:00.0'), bind('0000:02:00.0'), bind('0000:03:00.0')] as const;
const texts = (...steps: Step[]): string[] => steps.map(stepText);

describe('steps that wait for a place', () => {
  test('begin one by one, in their order, as places get free', async () => {
    const { dispatch, begun, end } = start(1);
    dispatch.offer([A, B, C], never);
    await settle();
    expect(begun()).toEqual(texts(A));
    await end(A);
    expect(begun()).toEqual(texts(A, B));
    await end(B);
    expect(begun()).toEqual(texts(A, B, C));
  });

  test('are those of the last offer only', async () => {
    const { dispatch, begun, end } = start(1);
    dispatch.offer([A, B], never);
    dispatch.offer([A, C], never);
    await settle();
    await end(A);
    expect(begun()).toEqual(texts(A, C));
    await end(C);
    expect(begun()).toEqual(texts(A, C));
  });

  test('do not begin any more once they are withdrawn', async () => {
    const { dispatch, begun, end } = start(1);
    dispatch.offer([A, B], never);
    await settle();
    dispatch.withdraw();
    await end(A);
    expect(begun()).toEqual(texts(A));
  });

  test.each([
    ['a long time has passed', ({ clock }: ReturnType<typeof start>) => clock.advance(2_001)],
    ['the host has slept', ({ clock }: ReturnType<typeof start>) => clock.sleep(60_000)],
    ['the clock was set back', ({ clock }: ReturnType<typeof start>) => clock.setBack(60_000)],
  ])('do not begin any more when %s', async (_, happens) => {
    const parts = start(1);
    parts.dispatch.offer([A, B], never);
    await settle();
    await happens(parts);
    await parts.end(A);
    expect(parts.begun()).toEqual(texts(A));
  });

  test('do not follow one of the same offer on the same domain, whatever else is free', async () => {
    const { dispatch, begun, end } = start(4);
    const [first, second, other] = [
      attach('0000:01:00.0', 'red'),
      attach('0000:02:00.0', 'red'),
      attach('0000:03:00.0', 'blue'),
    ];
    dispatch.offer([first, second, other], never);
    await settle();
    await end(first);
    expect(begun()).toEqual(texts(first, other));
    dispatch.offer([second], never);
    await settle();
    expect(begun()).toEqual(texts(first, other, second));
  });

  test('wait for a place of their own kind, and not for those before them that wait for the other', async () => {
    const { dispatch, begun, end } = start(1, 2);
    const [first, second, third] = [
      attach('0000:04:00.0', 'red'),
      attach('0000:05:00.0', 'blue'),
      attach('0000:06:00.0', 'green'),
    ];
    dispatch.offer([A, B, first, second, third, C], never);
    await settle();
    expect(begun()).toEqual(texts(A, first, second));
    await end(first);
    expect(begun()).toEqual(texts(A, first, second, third));
    await end(A);
    expect(begun()).toEqual(texts(A, first, second, third, B));
  });

  test('are not those whose device or domain was busy when they were offered', async () => {
    const { dispatch, begun, end } = start(2);
    const [first, second] = [attach('0000:04:00.0', 'red'), attach('0000:05:00.0', 'red')];
    dispatch.offer([first, A], never);
    await settle();
    dispatch.offer([second, A, B], never);
    await end(first);
    expect(begun()).toEqual(texts(first, A, B));
  });
});
