import { InvalidArgumentError } from 'commander';

// The longest time that a timer of Node takes is 2^31-1 ms.
const TIMER_SECONDS_MAX = 2_147_483;
const TRIAL_SECONDS_MAX = 86_400;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/**
 * Reads a duration from the command line, such as `90`, `0.5s`, `5m` or `1h`, in seconds.
 * @throws {InvalidArgumentError} for what is none, zero, negative, or longer than a timer can wait.
 */
export function seconds(text: string): number {
  const value = secondsIn(text);
  if (value > 0 && value <= TIMER_SECONDS_MAX) return value;
  throw new InvalidArgumentError('It must be a time above 0 and up to 596h, such as 90, 5m or 1h.');
}

/**
 * Reads the duration of a trial from the command line, in whole seconds.
 * @throws {InvalidArgumentError} for what is none, zero, or longer than a day.
 */
export function trialSeconds(text: string): number {
  const value = secondsIn(text);
  if (Number.isInteger(value) && value > 0 && value <= TRIAL_SECONDS_MAX) return value;
  throw new InvalidArgumentError('It must be a time between 1s and 24h, such as 90, 5m or 1h.');
}

function secondsIn(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,9})?)([smh]?)$/.exec(text) ?? [];
  return Number(number) * (UNIT_SECONDS[unit || 's'] ?? Number.NaN);
}

/**
 * Reads a process id from the command line.
 * @throws {InvalidArgumentError} for what is none.
 */
export function processId(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be the number of a process.');
}

/**
 * Reads a TCP port from the command line.
 * @throws {InvalidArgumentError} for what is none; 0 stands for any that is free.
 */
export function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be the number of a port, 0 to 65535.');
}
