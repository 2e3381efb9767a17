import { ATTACHING } from './attaching.ts';
import { BINDING } from './binding.ts';
import { LIVES } from './lives.ts';
import { SILENT_GUESTS } from './silent-guests.ts';
import type { ContractCase } from './world.ts';

/** What the host adapter relies on. The simulated dom0 and real ones must all pass. */
export const CONTRACT: readonly ContractCase[] = [...BINDING, ...ATTACHING, ...SILENT_GUESTS, ...LIVES];
