import type { SourceSnapshot } from '../api/manifest.ts';
import type { Observed } from './observed.ts';

/** All that a decision rests on. */
export interface Situation {
  readonly observed: Observed;
  readonly source: SourceSnapshot;
}
