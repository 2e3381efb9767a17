import type { Address } from '../api/address.ts';
import type { DeletionPolicy } from '../api/manifest.ts';
import type { Spot } from './observed.ts';

/** What we remember of one device that an assignment names or named: kept on disk, because absence has no other memory. */
export interface HeldDevice {
  readonly address: Address;
  readonly assignment: string;
  readonly entry: string;
  /** The domain that has it from us, or is about to. */
  readonly domain: { readonly name: string; readonly uuid?: string };
  readonly deletionPolicy: DeletionPolicy;
  /** Whether that domain may be changed while it runs. */
  readonly updatePolicy: 'Live' | 'OnNextStart';
  /** The driver it had in dom0 before we took it, and the boot in which that was seen. */
  readonly hostDriver?: { readonly name: string; readonly bootId: string };
  /** Under `driftPolicy: Report`: where it last was as its entry wants it. */
  readonly inPlace?: PlaceMark;
}

/** A place in which a device was seen, and what made it the right one: this content of the manifest, in this boot. */
export interface PlaceMark {
  readonly place: Spot;
  /** The hash of the assignment. */
  readonly generation: string;
  readonly bootId: string;
}

export type Inventory = ReadonlyMap<Address, HeldDevice>;
