import type { ProblemCode } from './manifest.ts';

/** What an issue of our own carries besides its message. */
export interface IssueParams {
  readonly problem: ProblemCode;
}
