import type { Look } from '../../controller/look.ts';
import type { HeldDevice } from '../../plan/inventory.ts';
import type { Observed, ObservedDevice } from '../../plan/observed.ts';

/** A look as it is served: without what follows from the rest, and maps as lists. */
export interface LookRecord extends Pick<Look, 'source' | 'approvals' | 'status' | 'now'> {
  readonly manifests: string;
  readonly controller: number;
  readonly observed: Omit<Observed, 'devices'> & { readonly devices: readonly ObservedDevice[] };
  readonly inventory: readonly HeldDevice[];
  readonly failures: readonly (readonly [string, number])[];
}
