import type { Address } from '../../../src/api/address.ts';
import type { Observed } from '../../../src/plan/observed.ts';
import { type Device, PCIBACK } from '../../../src/simulator/model/device.ts';

/** What looks have shown of a device while one guest has had it without a break. */
interface Sighting {
  readonly domid: number;
  /** The insertions of the card that were seen on pciback. */
  readonly insertions: ReadonlySet<string>;
  /** How many looks have shown that it was out. */
  readonly outs: number;
}

/**
 * What a daemon can know of cards that were pulled and put back. Once such a card is on pciback again nothing on the host
 * tells that its guest does not have it, so only who was shown something before can know: the card that the guest was
 * given, or twice that there was none. Once is not enough, since xenstore and sysfs are not read at one moment.
 */
export class Shown {
  #sightings: ReadonlyMap<Address, Sighting> = new Map();

  /** A look was given to a daemon. */
  add({ devices }: Observed): void {
    const next = new Map<Address, Sighting>();
    for (const { address, place, present, driver, insertion } of devices.values()) {
      if (place.at !== 'guest') continue;
      const { domid } = place;
      const before = this.#sightings.get(address);
      const { insertions, outs } = before?.domid === domid ? before : { insertions: new Set<string>(), outs: 0 };
      if (!present || driver !== PCIBACK) next.set(address, { domid, insertions, outs: outs + 1 });
      else next.set(address, { domid, outs, insertions: new Set(insertions).add(String(insertion)) });
    }
    this.#sightings = next;
  }

  /** From now on it is what another one is. */
  become(other: Shown): void {
    this.#sightings = other.#sightings;
  }

  /** Begins with what lives before have kept: that a card was out once is nothing that is kept. */
  goOnFrom(kept: Shown): void {
    const sightings = [...kept.#sightings].map(([address, seen]): [Address, Sighting] => {
      return [address, seen.outs > 1 ? seen : { ...seen, outs: 0 }];
    });
    this.#sightings = new Map(sightings);
  }

  /** Whether it has shown that the guest was given another card than the one that is there now. */
  tells({ spec, insertions: now }: Device, domid: number): boolean {
    const seen = this.#sightings.get(spec.address);
    if (seen?.domid !== domid) return false;
    return seen.outs > 1 || [...seen.insertions].some(insertion => insertion !== String(now));
  }
}
