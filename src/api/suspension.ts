/** An assignment that a person at the machine has taken out of the controller's hands, beside what manifests say. */
export interface Suspension {
  readonly assignment: string;
  /** ms since the epoch. */
  readonly since: number;
  /** Who did it: a name of the machine, as it was told. */
  readonly by: string;
  readonly reason?: string;
}

/** An assignment that was given back; kept to tell who did it. */
export interface Resumption {
  readonly assignment: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly by: string;
}

/** What persons have suspended, or why nobody knows: then nothing may be touched. */
export type Suspensions =
  | { readonly suspended: readonly Suspension[]; readonly resumed: readonly Resumption[] }
  | { readonly unusable: string };

/** Nobody has suspended anything. */
export const NOTHING_SUSPENDED: Suspensions = { suspended: [], resumed: [] };
