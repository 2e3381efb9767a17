import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { showing } from '../../../src/cli/terminal/progress.ts';
import { type CapturedOptions, type CapturedShell, capturedShell } from './captured-shell.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What a terminal shows of what was written to it: its lines, the last one without a line end. */
function seen({ err }: CapturedShell): string[] {
  return err()
    .split('\n')
    .map(line => line.split('\r\u001b[K').at(-1) ?? '');
}

/** What ends when it is told to. */
function held(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>(end => {
    resolve = end;
  });
  return { promise, resolve };
}

interface Work {
  readonly shell: CapturedShell;
  readonly done: () => Promise<void>;
}

function working(options: CapturedOptions, what: string | (() => string) = 'looking'): Work {
  const shell = capturedShell(options);
  const { promise, resolve } = held();
  const all = showing(shell, what, () => promise);
  return {
    shell,
    done: () => {
      resolve();
      return all;
    },
  };
}

describe('what takes its time', () => {
  test('is shown once that is longer than a second, and taken away when it is done', async () => {
    const { shell, done } = working({ isTerminal: true });
    await vi.advanceTimersByTimeAsync(900);
    expect(shell.err()).toBe('');
    await vi.advanceTimersByTimeAsync(200);
    expect(seen(shell)).toEqual(['looking (1 s)']);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(seen(shell)).toEqual(['looking (3 s)']);
    await done();
    expect(seen(shell)).toEqual(['']);
    const before = shell.err();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([shell.err(), shell.out()]).toEqual([before, '']);
  });

  test.each<[string, CapturedOptions]>([
    ['where nobody sees it', { isTerminal: false }],
    ['on a terminal that cannot write over a line', { isTerminal: true, env: { TERM: 'dumb' } }],
  ])('is not shown %s', async (_, options) => {
    const { shell, done } = working(options);
    await vi.advanceTimersByTimeAsync(5_000);
    await done();
    expect([shell.err(), shell.out()]).toEqual(['', '']);
  });

  test('gives way to whatever is written, and comes back below it', async () => {
    const { shell, done } = working({ isTerminal: true });
    await vi.advanceTimersByTimeAsync(1_000);
    shell.stderr.write('a line\n');
    expect(seen(shell)).toEqual(['a line', '']);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen(shell)).toEqual(['a line', 'looking (2 s)']);
    // The other output is the same terminal.
    shell.stdout.write('another\n');
    expect(seen(shell)).toEqual(['a line', '']);
    await done();
  });

  test('is told as it is now, on one line of the terminal', async () => {
    let what = 'one';
    const { shell, done } = working({ isTerminal: true, columns: 20 }, () => what);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen(shell)).toEqual(['one (1 s)']);
    what = `two\n${'and more '.repeat(9)}`;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen(shell)).toEqual([expect.stringMatching(/^two.*and more .*…$/)]);
    expect(seen(shell)[0]?.length).toBeLessThan(20);
    await done();
  });

  test('within something else is what is shown', async () => {
    const { promise, resolve } = held();
    const shell = capturedShell({ isTerminal: true });
    const inner = async (): Promise<void> => {
      await showing(shell, 'inner', () => promise);
      await new Promise(later => setTimeout(later, 2_000));
    };
    const all = showing(shell, 'outer', inner);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(seen(shell)).toEqual(['inner (2 s)']);
    resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seen(shell)).toEqual(['outer (3 s)']);
    await vi.advanceTimersByTimeAsync(1_000);
    await all;
    expect(seen(shell)).toEqual(['']);
  });

  test('that fails is taken away, too', async () => {
    const shell = capturedShell({ isTerminal: true });
    const failing = showing(shell, 'looking', async () => {
      await new Promise(later => setTimeout(later, 1_500));
      throw new Error('no');
    });
    const failed = expect(failing).rejects.toThrow('no');
    await vi.advanceTimersByTimeAsync(1_500);
    await failed;
    expect(seen(shell)).toEqual(['']);
  });
});
