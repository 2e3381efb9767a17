/** How something is, in one word: it decides colour, mark and order. */
export type Tone = 'ready' | 'waiting' | 'refused' | 'failed' | 'idle';

/** A PCI function as the page shows it. */
export interface PageDevice {
  /** `0000:03:00.0` */
  readonly address: string;
  /** The bridge that it hangs on, if that is a device of this host. */
  readonly parent?: string;
  /** Vendor and device, in words. */
  readonly name: string;
  readonly kind: string;
  readonly tone: Tone;
  /** Where it is, in words. */
  readonly place: string;
  /** Why it is not where it should be: the reason of a condition, such as `NeedsRestart`. */
  readonly reason?: string;
  /** UUID of the domain that has it. */
  readonly holder?: string;
  /** UUIDs of the domains that entries name it for. */
  readonly claimants: readonly string[];
  /** All that there is to say, as `xenpci describe` says it. */
  readonly story: string;
}

/** A domain as the page shows it. */
export interface PageDomain {
  readonly uuid: string;
  readonly name: string;
  /** Such as `running`. */
  readonly state: string;
  readonly tone: Tone;
  /** The assignments that name it. */
  readonly assignments: readonly string[];
  /** Why one of them is not Ready: the reason of its condition. */
  readonly reason?: string;
  /** All that there is to say, as `xenpci describe` says it. */
  readonly story: string;
}

/** Something that happened. */
export interface PageEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly tone: Tone;
  readonly reason: string;
  /** What it is about: a device's address, or the name of an assignment. */
  readonly regarding: string;
  readonly note: string;
}

/** All that the page shows of one host at one time. */
export interface PageState {
  readonly host: string;
  /** When it was looked at, ISO 8601. */
  readonly at: string;
  readonly simulated: boolean;
  readonly version: string;
  readonly devices: readonly PageDevice[];
  readonly domains: readonly PageDomain[];
  /** The latest first. */
  readonly events: readonly PageEvent[];
  /** What is wrong with the manifests, or with reading the host. */
  readonly problems: readonly string[];
}
