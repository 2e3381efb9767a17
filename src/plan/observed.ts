import type { Address } from '../api/address.ts';
import type { SwitchableGuard } from '../api/guards.ts';
import type { Identity } from '../api/identity.ts';
import type { PciPath } from '../api/path.ts';

/**
 * Where a device is. The places form a ladder: host, assignable (bound to pciback), guest.
 * A guest is one running instance, so it goes by domain id; `domain` is its name for people.
 */
export type Place =
  | { readonly at: 'host' }
  | { readonly at: 'assignable' }
  | { readonly at: 'guest'; readonly domid: number; readonly domain: string };

/** The driver that keeps a device ready for guests, as in sysfs: a device that it has is assignable. */
export const PCIBACK = 'pciback';

/** Names from pci.ids. */
export interface DeviceText {
  readonly vendor: string;
  readonly device: string;
  readonly subsystem: string;
  /** Class, subclass and programming interface, e.g. `Non-Volatile memory controller (NVM Express)`. */
  readonly class: string;
}

/** The guards that stand for what dom0 does with a device. */
export type UseGuard = Exclude<SwitchableGuard, 'SharedSlot' | 'NoReset'>;

/** Something that dom0 does with a device that one of its own drivers has, or that could not be found out. */
export interface DeviceUse {
  readonly guard: UseGuard;
  /** A clause for people, such as `nvme0n1p2 is mounted at /srv`. */
  readonly text: string;
}

/** Whether Xen drives an IOMMU, without which it gives no device to a guest. */
export type Iommu =
  | { readonly state: 'present' }
  | { readonly state: 'absent' }
  | {
      readonly state: 'unknown';
      /** A clause that says why. */
      readonly why: string;
    };

/** One PCI function as found. */
export interface ObservedDevice {
  readonly address: Address;
  /** False when xenstore names it but sysfs no longer has it. */
  readonly present: boolean;
  readonly path: PciPath;
  readonly identity: Identity;
  readonly text: DeviceText;
  /** The dom0 driver that is bound now, `pciback` included. */
  readonly driver?: string;
  readonly place: Place;
  /**
   * Tells a card that was taken out and put back from one that has stayed: the number of its folder in sysfs, which is
   * another one after each insertion and stays so through changes of drivers and resets (seen on Linux 6.1).
   */
  readonly insertion?: string;
  /** xenstore says that a guest has it, but that guest was given the card before this one, or this one before it was out. */
  readonly putBack?: true;
  /** Where the guest that has it sees it; the backend's word, not the guest's. */
  readonly guestAddress?: Address;
  /** False while xenstore shows that an attach or detach is still under way, also when no guest has it yet or any more. */
  readonly settled: boolean;
  /** The bus that it comes to its PV guest by is closed, so that it does not work there: until the guest is restarted. */
  readonly busClosed?: true;
  /** From sysfs `reset_method`, e.g. `flr`, `pm`, `bus`; empty when the device has none. */
  readonly resetMethods: readonly string[];
  /** What dom0 uses it for, the gravest first; empty while no driver of dom0 has it. */
  readonly uses: readonly DeviceUse[];
  /** Set when it no longer answers: a clause that says how this shows. */
  readonly dead?: string;
  /** A virtual function of SR-IOV: made to be given away singly. */
  readonly virtual?: true;
  /** The host driver that xl recorded when it made the device assignable. */
  readonly homeDriver?: string;
  /** What `opts-N` says while a guest has it. */
  readonly permissive?: boolean;
  /** Whether it is on pciback's own list of devices whose guest may write all of the config space; that outlives the guest. */
  readonly unfiltered?: boolean;
  /** Both views, in words, when xenstore, libxl's mark and libvirt's live definitions disagree. */
  readonly divergence?: string;
}

/** A PCI hostdev of a libvirt definition. */
export interface HostdevEntry {
  readonly address: Address;
  readonly alias?: string;
  readonly managed: boolean;
  /** `writeFiltering='no'`: the guest may write all of the config space. */
  readonly permissive: boolean;
}

/** One domain, whoever made it. */
export interface ObservedDomain {
  readonly name: string;
  readonly uuid: string;
  /** Absent while it is shut off. */
  readonly domid?: number;
  /** `changing`: starting (also while it has no domain id yet), stopping, or crashed with its domain id still there. */
  readonly state: 'running' | 'paused' | 'changing' | 'shutoff';
  /** Set while it is `paused` because it has gone to sleep itself: waking it is something else than resuming it. */
  readonly asleep?: true;
  /** Set while a crashed instance is kept for examination (`on_crash` preserve): it is `changing` until it is destroyed. */
  readonly crashed?: true;
  /** `xl`: running, and not known to libvirt. */
  readonly toolstack: 'libvirt' | 'xl';
  readonly persistent: boolean;
  readonly type: 'pv' | 'hvm' | 'pvh';
  /** Whether the running instance was created with PCI passthrough. */
  readonly passthrough: 'on' | 'off' | 'unknown';
  /** What libvirt believes is attached to the running instance. */
  readonly live: readonly HostdevEntry[];
  /** The stored definition, and whether it is set for PCI passthrough; absent for transient and xl domains. */
  readonly stored?: {
    readonly hostdevs: readonly HostdevEntry[];
    readonly passthrough: boolean;
  };
}

/** One consistent look at the host. */
export interface Observed {
  readonly devices: ReadonlyMap<Address, ObservedDevice>;
  readonly domains: readonly ObservedDomain[];
  /** The kernel's boot id: what was recorded under another one no longer holds. */
  readonly bootId: string;
  readonly iommu: Iommu;
  /** Set when libvirt is known to call our hook before it starts a domain. */
  readonly hookInForce?: true;
}

/** A place without the name that people know it by. */
export type Spot = { readonly at: 'host' | 'assignable' } | { readonly at: 'guest'; readonly domid: number };

/** Whether two places are the same place. */
export function samePlace(a: Spot, b: Spot): boolean {
  return a.at === b.at && (a.at !== 'guest' || (b.at === 'guest' && a.domid === b.domid));
}

/** A place in words: `host`, `assignable`, `guest sys-net`. */
export function placeText(place: Place): string {
  return place.at === 'guest' ? `guest ${place.domain}` : place.at;
}
