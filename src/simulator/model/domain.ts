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

/** An element of `<metadata>`: its text without namespace, and the prefix that the definition shows it under. */
export interface MetadataElement {
  readonly uri: string;
  readonly key: string;
  readonly xml: string;
}

/** What libvirt keeps of a domain's XML. */
export interface Definition {
  readonly passthrough: boolean;
  /** The host's memory map for a PV guest, without which it cannot use devices that are attached later. */
  readonly e820Host: boolean;
  readonly hostdevs: readonly Hostdev[];
  readonly metadata: readonly MetadataElement[];
  /** The other elements of the domain, of its features and of its devices, as they were written. */
  readonly otherElements: string;
  readonly otherFeatures: string;
  readonly otherDevices: string;
}

export type DomainType = 'pv' | 'hvm' | 'pvh';

/** One running instance. */
export interface Instance {
  readonly domid: number;
  /** Whether PCI passthrough was on when it was created: asked for, or because there was a device. */
  readonly passthrough: boolean;
  /** What it was created from. */
  readonly started: Definition;
  /** Its processors are stopped, through libvirt or xl. */
  paused: boolean;
  /** What libvirt believes of that: it does not hear of what xl does. */
  believedPaused: boolean;
  /** Its kernel has crashed, and it is kept as it was: `on_crash` preserve. */
  crashed: boolean;
  /** The guest lets go of no device: its frontend, or for HVM its operating system, does not answer. */
  refuses: boolean;
  /** What the device model of an HVM guest goes on having after it was taken by force. */
  readonly torn: Set<Address>;
  /** What libxl took from a PV guest that did not answer; it may have let go of it since. */
  readonly unanswered: Set<Address>;
  /** pciback met an entry whose device it had given up: no further change of this instance's devices will ever end. */
  busHangs: boolean;
  /** What the toolstack that made it believes; libvirt's live definition. */
  live: Definition;
  /** libvirt's note of it on disk, which it reads when it starts: as of the last change that did not fail. */
  saved: Definition;
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
  /** `<passthrough state='on'/>` and `<e820_host state='on'/>` in the definition. */
  readonly passthrough?: boolean;
  readonly devices?: readonly Address[];
  readonly running?: boolean;
}

/** What becomes of an instance whose kernel crashes, as its definition says; libvirt's own default is destroy. */
export function onCrash({ otherElements }: Definition): 'destroy' | 'preserve' | 'restart' {
  const [, said] = /<on_crash>\s*(preserve|restart)\s*</.exec(otherElements) ?? [];
  return said === 'preserve' || said === 'restart' ? said : 'destroy';
}

/** A definition with nothing in it. */
export const EMPTY_DEFINITION: Definition = {
  passthrough: false,
  e820Host: false,
  hostdevs: [],
  metadata: [],
  otherElements: '',
  otherFeatures: '',
  otherDevices: '',
};

/** A hostdev as an administrator writes it: unmanaged, nothing else said. */
export function plainHostdev(address: Address): Hostdev {
  return { address, managed: false, permissive: false, driverNamed: true };
}
