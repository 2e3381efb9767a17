import type { Address } from '../api/address.ts';
import type { ManifestProblem } from '../api/manifest.ts';
import type { Suspensions } from '../api/suspension.ts';
import type { Asker } from '../plan/asked-by.ts';
import type { Step } from '../plan/step.ts';
import type { Status } from './status-types.ts';

/** What the controller tells whoever watches it: results, not intentions. */
export type Report =
  | { readonly type: 'StepStarted'; readonly step: Step; readonly askedBy: readonly Asker[] }
  /** The next look showed that it took hold; `note` when the host said otherwise. */
  | {
      readonly type: 'StepPerformed';
      readonly step: Step;
      readonly askedBy: readonly Asker[];
      readonly durationMs: number;
      readonly note?: string;
    }
  | {
      readonly type: 'StepFailed';
      readonly step: Step;
      readonly askedBy: readonly Asker[];
      readonly durationMs: number;
      readonly error: string;
      /** When it is tried again, ms since the epoch. */
      readonly retryAt: number;
    }
  | { readonly type: 'LookFailed'; readonly error: string; readonly retryAt: number }
  | { readonly type: 'RecordFailed'; readonly error: string; readonly retryAt: number }
  /** They cannot be read: nothing counts as approved. */
  | { readonly type: 'ApprovalsUnreadable'; readonly error: string }
  /** The host has slept and is awake again; `given`: what domains had meanwhile. */
  | { readonly type: 'HostSlept'; readonly sleptMs: number; readonly given: readonly Given[] }
  | { readonly type: 'ManifestProblems'; readonly problems: readonly ManifestProblem[] }
  /** What persons have suspended, or given back, is another than it was. */
  | { readonly type: 'SuspensionsChanged'; readonly suspensions: Suspensions }
  | { readonly type: 'StatusChanged'; readonly status: Status };

/** A device that a domain has. */
export interface Given {
  readonly device: Address;
  /** The domain's name. */
  readonly domain: string;
}

export type Reporter = (report: Report) => void;
