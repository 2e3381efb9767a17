/**
 * How long something has been so, as kubectl writes ages: `5s`, `3m`, `2h`, `4d`.
 * @param since RFC 3339.
 * @param now ms since the epoch.
 */
export function ageText(since: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** An RFC 3339 time without its date and fractions, in UTC: `12:03:04Z`. */
export function timeOfDay(time: string): string {
  return `${time.slice(11, 19)}Z`;
}
