/** A condition as in Kubernetes; `lastTransitionTime` is RFC 3339 in UTC. */
export interface Condition {
  /**
   * `Orphan`, on devices alone: bound to pciback, and nobody wants it. `ForeignDevices`, on assignments alone: their domain
   * has what is not ours. `OnTrial`, on assignments alone: their file is tried.
   */
  readonly type: 'Ready' | 'Reconciling' | 'Stalled' | 'Orphan' | 'ForeignDevices' | 'OnTrial';
  readonly status: 'True' | 'False';
  /** One CamelCase word for programs. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  readonly lastTransitionTime: string;
  /** Hash of the manifest content that the condition speaks about. */
  readonly observedGeneration: string;
}

/** A condition before it is known when it became so. */
export type ConditionNow = Omit<Condition, 'lastTransitionTime'>;

/**
 * Carries the transition times over: the time changes only when status, reason or message does.
 * @param now RFC 3339 time of this look.
 */
export function withTransitionTimes(
  before: readonly Condition[],
  after: readonly ConditionNow[],
  now: string,
): Condition[] {
  return after.map(condition => {
    const old = before.find(candidate => candidate.type === condition.type);
    const same =
      old !== undefined &&
      old.status === condition.status &&
      old.reason === condition.reason &&
      old.message === condition.message;
    return { ...condition, lastTransitionTime: same ? old.lastTransitionTime : now };
  });
}
