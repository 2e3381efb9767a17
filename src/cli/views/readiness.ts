import type { Address } from '../../api/address.ts';
import type { DeviceEntry } from '../../api/manifest.ts';
import { type DeviceStatus, isReady } from '../../controller/status-types.ts';
import type { ResolvedEntry } from '../../plan/claims.ts';
import type { ObservedDevice } from '../../plan/observed.ts';
import { isOrphan } from '../../plan/orphan.ts';
import type { Survey } from '../looks/survey.ts';
import { type CellInput, tone } from '../terminal/table.ts';

/** Whether a device is where it should be, with one word for programs and a sentence for people. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}

/** How a device stands that somebody names or that is being let go of. */
export function readinessOf(device: DeviceStatus, whenMissing: DeviceEntry['whenMissing']): Readiness {
  const { failure, wait, steps, want } = device;
  if (isReady(device, whenMissing)) {
    if (wait !== undefined) return { ready: true, reason: wait.reason, message: wait.message };
    return want?.at === 'guest'
      ? { ready: true, reason: 'InPlace', message: `${want.domain} has it` }
      : { ready: true, reason: 'Prepared', message: 'it is where it should be while its domain is not running' };
  }
  if (failure !== undefined) return { ready: false, reason: 'StepFailed', message: failure.error };
  if (wait !== undefined) return { ready: false, reason: wait.reason, message: wait.message };
  if (steps.length > 0) return { ready: false, reason: 'Progressing', message: steps.join(', then ') };
  return { ready: false, reason: 'Unknown', message: 'its place is not known yet' };
}

/** The entry that is followed for a device; undefined where nobody names it, and for one that several name in conflict. */
export function entryOf({ plan }: Survey, address: string): ResolvedEntry | undefined {
  const claims = plan.entries.flatMap(entry => entry.claims.map(claim => ({ entry, claim })));
  const followed = plan.devices.get(address as Address)?.followed;
  const found = claims.find(({ claim }) => claim === followed);
  return found?.claim.conflict === undefined ? found?.entry : undefined;
}

/** How a device stands; undefined for one that nobody names and that is not held. */
export function deviceReadiness(survey: Survey, address: string): Readiness | undefined {
  const device = survey.status.devices.find(found => found.address === address);
  if (device === undefined) return undefined;
  return readinessOf(device, entryOf(survey, address)?.entry.whenMissing ?? 'Fail');
}

/** What an orphan is, as a sentence. */
export const ORPHAN_TEXT =
  'it is bound to pciback, and no manifest, record or stored definition wants it; it is left alone';

/** Whether a device is bound to pciback and wanted by nobody. */
export function isOrphaned({ plan, observed }: Survey, device: ObservedDevice): boolean {
  return isOrphan(device, plan, observed);
}

/** The READY column: `True`, `False`, or nothing where there is nothing to be ready. */
export function readyCell(ready: boolean | undefined): CellInput {
  if (ready === undefined) return undefined;
  return ready ? tone('True', 'good') : tone('False', 'bad');
}
