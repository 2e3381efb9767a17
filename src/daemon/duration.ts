/** A measured time for people: `40 ms`, `0.4 s`, `12 s`, `3 min`. */
export function durationText(ms: number): string {
  if (ms < 100) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

/** How long from now until then, for people: `in 8 s`; `now` when it has passed. Both in ms since the epoch. */
export function untilText(then: number, now: number): string {
  return then <= now ? 'now' : `in ${durationText(then - now)}`;
}
