/** What a code stands for, and what a person can do. Whole sentences. */
export interface Explanation {
  readonly kind: 'wait' | 'guard' | 'condition' | 'problem of a manifest' | 'error of the host' | 'event';
  readonly meaning: string;
  readonly remedy: string;
}
