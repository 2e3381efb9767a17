import type { Address } from '../api/address.ts';
import type { Claim } from './claims.ts';
import { type Hold, wait } from './hold.ts';
import type { HeldDevice, PlaceMark } from './inventory.ts';
import { type ObservedDevice, type Place, placeText, samePlace } from './observed.ts';
import type { ConfigureStep } from './step.ts';

/** What a record of a device has to fit to say something about a claim. */
export interface Remembered {
  readonly held: HeldDevice | undefined;
  readonly bootId: string;
}

/**
 * Whether a device has been where this claim wants it, and only others can have changed that since: for this content of
 * the manifest, this instance of the domain and this boot. Only claims with `driftPolicy: Report` are remembered.
 * @param want undefined while it is not to be touched: wherever it has been in place then counts.
 */
export function wasInPlace(claim: Claim, want: Place | undefined, remembered: Remembered): boolean {
  const mark = markFor(claim, remembered);
  return mark !== undefined && (want === undefined || samePlace(mark.place, want));
}

function markFor(claim: Claim, { held, bootId }: Remembered): PlaceMark | undefined {
  const mark = held?.inPlace;
  // The hash is that of the whole assignment, its name and its policies included.
  return mark?.generation === claim.assignment.hash && mark.bootId === bootId ? mark : undefined;
}

/** The reason to leave a device where others have put it, if they have and the claim says so. */
export function placeDrift(
  claim: Claim,
  want: Place,
  device: ObservedDevice,
  remembered: Remembered,
): Hold | undefined {
  if (samePlace(device.place, want) || !wasInPlace(claim, want, remembered)) return undefined;
  const views = device.divergence === undefined ? '' : ` (${device.divergence})`;
  return drifted(`${device.address} was in place (${placeText(want)}) and is ${placeText(device.place)} now${views}`);
}

/** The hold for something that others have changed. @param fact what was, and what is. */
export function drifted(fact: string): Hold {
  return wait('Drifted', `${fact}; driftPolicy: Report leaves it so until the manifest changes`);
}

/** A change of a stored definition without what others have changed there and is to stay so, and the devices of that. */
export function withoutDrift(
  step: ConfigureStep,
  isSteady: (device: Address) => boolean,
): { readonly step?: ConfigureStep; readonly left: readonly Address[] } {
  const left = step.add.map(({ device }) => device).filter(isSteady);
  const add = step.add.filter(({ device }) => !left.includes(device));
  const remove = step.remove.filter(device => !left.includes(device));
  const nothing = add.length === 0 && remove.length === 0 && !step.passthrough;
  return nothing ? { left } : { step: { ...step, add, remove }, left };
}

/**
 * What is to be remembered of where a device is. A change by others is remembered as long as it lasts.
 * @param plan what was decided.
 * @param isComplete whether the domain's stored definition is as wanted, too.
 */
export function nextMark(
  claim: Claim,
  { have, want, hold }: { readonly have?: Place; readonly want?: Place; readonly hold?: Hold },
  { held, bootId }: Remembered,
  isComplete: () => boolean,
): PlaceMark | undefined {
  if (claim.assignment.assignment.spec.driftPolicy !== 'Report') return undefined;
  if (have === undefined || hold?.kind === 'guard') return undefined;
  if (hold === undefined && want !== undefined && samePlace(have, want) && isComplete()) {
    const place = have.at === 'guest' ? { at: have.at, domid: have.domid } : { at: have.at };
    return { place, generation: claim.assignment.hash, bootId };
  }
  // While something else is waited for, a change by others is not forgotten.
  return hold !== undefined || wasInPlace(claim, have, { held, bootId }) ? markFor(claim, { held, bootId }) : undefined;
}
