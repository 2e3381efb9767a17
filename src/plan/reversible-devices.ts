import type { Address } from '../api/address.ts';
import { type Course, stepsOf } from './course.ts';
import { type ObservedDevice, placeText, samePlace } from './observed.ts';

/** One device, as it is without a trial and as it would be after one. */
interface Pair {
  readonly home: ObservedDevice;
  readonly found: ObservedDevice;
  /** Why it would not go on from there. */
  readonly hold: string | undefined;
}

/** How devices would differ after a trial from what they are without it. */
export function deviceDifferences(base: Course, back: Course): { readonly about: string; readonly message: string }[] {
  return [...base.end.observed.devices.values()].flatMap(home => {
    const { address } = home;
    const found = back.end.observed.devices.get(address) ?? home;
    const hold = holdOf(back, address);
    const message =
      placeDifference({ home, found, hold }) ??
      driverDifference({ home, found, hold }, back) ??
      optionDifference({ home, found, hold }) ??
      restDifference(holdOf(base, address), hold);
    return message === undefined ? [] : [{ about: address, message }];
  });
}

function placeDifference({ home, found, hold }: Pair): string | undefined {
  if (samePlace(home.place, found.place)) return undefined;
  const fact = `would not come back to ${placeText(home.place)}, but be ${placeText(found.place)}`;
  if (hold !== undefined) return `${fact}: ${hold}`;
  const isKept = home.place.at === 'host' && found.place.at === 'assignable';
  return isKept ? `${fact}; in the trial, say deletionPolicy: Host of its assignment` : fact;
}

function driverDifference({ home, found }: Pair, back: Course): string | undefined {
  if (home.place.at !== 'host') return undefined;
  const isGuessed = stepsOf(back.steps, home.address).some(
    step => step.verb === 'release' && step.driver === undefined,
  );
  if (!isGuessed && home.driver === found.driver) return undefined;
  const to = isGuessed ? 'whichever driver the kernel chooses' : `driver ${found.driver ?? 'none'}`;
  return `would come back to the host on ${to}, and is now on ${home.driver ?? 'none'}`;
}

function optionDifference({ home, found }: Pair): string | undefined {
  const isOpen = ({ permissive, unfiltered }: ObservedDevice): boolean => permissive === true || unfiltered === true;
  if (isOpen(home) === isOpen(found)) return undefined;
  return isOpen(home) ? 'would come back without permissive' : 'would come back permissive';
}

function restDifference(before: string | undefined, after: string | undefined): string | undefined {
  if (before === after) return undefined;
  return after === undefined
    ? `would come back without what holds it now: ${before}`
    : `would not come to rest: ${after}`;
}

function holdOf({ end }: Course, address: Address): string | undefined {
  return end.plan.devices.get(address)?.hold?.message;
}
