import { type Profiler, Session } from 'node:inspector';

/** Where in a script: offsets from, to. */
type Interval = readonly [from: number, to: number];

/**
 * Which code of this program has run, by V8's own counters: no instrumentation, no add-on. What it remembers of each
 * function is what has never run; news is when that becomes less.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #url: string;
  readonly #unreached = new Map<string, readonly Interval[]>();

  /** @param url the script to look at. */
  constructor(url: string) {
    this.#url = url;
  }

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.#take();
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** Whether code was reached since the last look that never was before. It stays news. */
  peek(): boolean {
    return this.#take().some(each => this.#news(each) !== undefined);
  }

  /** The same, and from now on it is no news any more. */
  grew(): boolean {
    let grew = false;
    for (const each of this.#take()) {
      const left = this.#news(each);
      if (left === undefined) continue;
      grew = true;
      this.#unreached.set(keyOf(each), left);
    }
    return grew;
  }

  /** The functions that have run since the last call. */
  #take(): Profiler.FunctionCoverage[] {
    let found: Profiler.FunctionCoverage[] = [];
    // A session in its own thread answers before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      const scripts = answer.result.filter(({ url }) => url === this.#url);
      found = scripts.flatMap(({ functions }) => functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0));
    });
    return found;
  }

  /** What of a function is still unreached; undefined when that is no less than before. */
  #news(found: Profiler.FunctionCoverage): readonly Interval[] | undefined {
    const missed = found.ranges.filter(({ count }) => count === 0);
    const now = missed.map(({ startOffset, endOffset }): Interval => [startOffset, endOffset]);
    const before = this.#unreached.get(keyOf(found));
    if (before === undefined) return now;
    const left = common(before, now);
    return length(left) < length(before) ? left : undefined;
  }
}

function keyOf({ ranges }: Profiler.FunctionCoverage): string {
  return `${ranges[0]?.startOffset}-${ranges[0]?.endOffset}`;
}

function common(some: readonly Interval[], others: readonly Interval[]): Interval[] {
  return some.flatMap(([from, to]) =>
    others.flatMap(([start, end]): Interval[] => {
      const part: Interval = [Math.max(from, start), Math.min(to, end)];
      return part[0] < part[1] ? [part] : [];
    }),
  );
}

function length(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, [from, to]) => sum + to - from, 0);
}
