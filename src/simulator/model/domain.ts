import type { Address } from '../../api/address.ts';

/** A PCI hostdev of a definition. */
export interface Hostdev {
  readonly address: Address;
  readonly alias?: string;
  readonly managed: boolean;
  /** `writeFiltering='no'`. */
  readonly permissive: boolean;
  /** `<driver name='xen'/>` was written. */
  readonly driverNamed: boolean;
}

/** An element of `<metadata>`: its text, under its namespace. */
export interface MetadataElement {
  readonly uri: string;
  readonly xml: string;
}

/** What libvirt keeps of a domain's XML. */
export interface Definition {
  readonly passthrough: boolean;
  readonly hostdevs: readonly Hostdev[];
  readonly metadata: readonly MetadataElement[];
  /** The other elements of the domain and of its devices, as they were written. */
  readonly otherElements: string;
  readonly otherDevices: string;
  /** The features beside Xen's passthrough, as they were written. */
  readonly otherFeatures: string;
}

export type DomainType = 'pv' | 'hvm' | 'pvh';

/** One running instance. */
export interface Instance {
  readonly domid: number;
  readonly passthrough: boolean;
  paused: boolean;
  /** What the toolstack that made it believes; libvirt's live definition. */
  live: Definition;
}

/** A domain, whoever made it. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  readonly type: DomainType;
  /** libvirt neither lists nor changes what xl made. */
  readonly toolstack: 'libvirt' | 'xl';
  /** Absent for transient domains and those of xl. */
  stored: Definition | undefined;
  /** Absent while it is shut off. */
  instance: Instance | undefined;
}

/** A domain as a world describes it. */
export interface DomainSpec {
  readonly name: string;
  readonly uuid: string;
  readonly type?: DomainType;
  readonly toolstack?: 'libvirt' | 'xl';
  /** `<passthrough state='on'/>` in the definition. */
  readonly passthrough?: boolean;
  readonly devices?: readonly Address[];
  readonly running?: boolean;
}

/** A definition with nothing in it. */
export const EMPTY_DEFINITION: Definition = {
  passthrough: false,
  hostdevs: [],
  metadata: [],
  otherElements: '',
  otherDevices: '',
  otherFeatures: '',
};

/** A hostdev as an administrator writes it: unmanaged, nothing else said. */
export function plainHostdev(address: Address): Hostdev {
  return { address, managed: false, permissive: false, driverNamed: true };
}
