import type { Inventory } from './inventory.ts';
import type { Situation } from './situation.ts';

/** All that a plan is made of, but for what stands by itself: see Standing. */
export interface Basis extends Situation {
  readonly inventory: Inventory;
}
