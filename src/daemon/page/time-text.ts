/** The time of day, in UTC as the log has it; what is no time is shown as it is. */
export function timeText(time: string): string {
  return /T(\d\d:\d\d:\d\d)/.exec(time)?.[1] ?? time;
}
