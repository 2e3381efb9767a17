/** What goes wrong on purpose. */
export const FAULTS = [
  'stepRefused',
  'stepDoneButFailed',
  'stepClaimedButNotDone',
  'stepSlow',
  'stepRaced',
  'lookFailed',
  'lookLate',
  'lookStale',
  'lookHalfStale',
  'hintDropped',
  'hintDoubled',
  'readFailed',
  'saveFailed',
  'loadFailed',
  'killed',
  'clockJump',
] as const;

export type Fault = (typeof FAULTS)[number];

/** What others do meanwhile. */
export const ACTS = ['files', 'guests', 'users', 'hardware', 'libvirtd', 'disk', 'operator'] as const;

export type Act = (typeof ACTS)[number];

/** What was tried, summed up over runs. */
export interface Tally {
  seeds: number;
  passes: number;
  /** Steps that the controller began. */
  steps: number;
  /** Virtual ms. */
  elapsedMs: number;
  lives: number;
  readonly faults: Record<Fault, number>;
  readonly acts: Record<Act, number>;
}

export function newTally(): Tally {
  const zero = <K extends string>(keys: readonly K[]): Record<K, number> =>
    Object.fromEntries(keys.map(key => [key, 0])) as Record<K, number>;
  return { seeds: 0, passes: 0, steps: 0, elapsedMs: 0, lives: 0, faults: zero(FAULTS), acts: zero(ACTS) };
}

/** Adds what another one counted. */
export function addTally(sum: Tally, more: Tally): void {
  sum.seeds += more.seeds;
  sum.passes += more.passes;
  sum.steps += more.steps;
  sum.elapsedMs += more.elapsedMs;
  sum.lives += more.lives;
  for (const fault of FAULTS) sum.faults[fault] += more.faults[fault];
  for (const act of ACTS) sum.acts[act] += more.acts[act];
}

/** How many faults there were in all. */
export function faultsOf({ faults }: Tally): number {
  return FAULTS.reduce((sum, fault) => sum + faults[fault], 0);
}
