/** What was measured of one subject, in the order of the rounds, and what is said of it. */
export interface Summary {
  readonly median: number;
  readonly p99: number;
}

/** A ratio of two subjects: the middle of the ratios of the rounds, in each of which both were measured side by side. */
export interface Ratio {
  readonly median: number;
  /** The middle half of the rounds lies between these. */
  readonly from: number;
  readonly to: number;
}

/** The value below which a part of the samples lies, by the nearest rank. @throws {RangeError} without samples. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (found === undefined) throw new RangeError('nothing was measured');
  return found;
}

/** @throws {RangeError} without samples. */
export function summaryOf(samples: readonly number[]): Summary {
  return { median: quantile(samples, 0.5), p99: quantile(samples, 0.99) };
}

/** @throws {RangeError} without samples. */
export function ratioOf(samples: readonly number[], others: readonly number[]): Ratio {
  const ratios = samples.map((sample, round) => sample / (others[round] ?? Number.NaN));
  return { median: quantile(ratios, 0.5), from: quantile(ratios, 0.25), to: quantile(ratios, 0.75) };
}

/** Whether the rounds disagree so much that the ratio says little: the middle half spans more than half of it. */
export function isWide({ median, from, to }: Ratio): boolean {
  return to - from > median / 2;
}

/** The exponent `e` of the curve `size^e` that fits best: the slope of the logarithms by least squares. */
export function growth(points: readonly { readonly size: number; readonly cost: number }[]): number {
  const logs = points.map(({ size, cost }) => [Math.log(size), Math.log(cost)] as const);
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length;
  const over = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return over / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
