import type { Line } from './measure.ts';

/** One row of the table of goals: a module that measures one thing and what it is measured against. */
export interface Row {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** @throws when what it needs is not there, with one sentence; the other rows go on. */
  readonly measure: () => Promise<readonly Line[]>;
}
