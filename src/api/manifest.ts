import type { Address } from './address.ts';
import type { SwitchableGuard } from './guards.ts';
import type { Identity } from './identity.ts';
import type { PciPath } from './path.ts';
import type { Suspensions } from './suspension.ts';

/** The group and version of every kind. */
export const API_VERSION = 'xenpci.dev/v1alpha1';

/** Name and labels of an object, as in Kubernetes. */
export interface Metadata {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A libvirt domain by name or by UUID (canonical, lower case). */
export type DomainSelector = { readonly name: string } | { readonly uuid: string };

/** One device, or with a selector several, of an assignment; defaults are filled in. */
export interface DeviceEntry {
  readonly name: string;
  /** Exactly one of `address`, `path` and `selector` is given. */
  readonly address?: Address;
  readonly path?: PciPath;
  readonly selector?: Partial<Identity>;
  /** What the device at `address` or `path` must be; anything when absent. */
  readonly identity?: Partial<Identity>;
  readonly permissive: boolean;
  readonly reset: 'Strict' | 'BestEffort';
  readonly whenMissing: 'Fail' | 'Ignore';
  readonly sharing: 'Exclusive' | 'FirstStarted';
}

/** What becomes of a device when its entry goes. */
export type DeletionPolicy = 'Assignable' | 'Host' | 'Orphan';

/** Which devices belong to one domain; defaults are filled in. */
export interface PCIAssignment {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'PCIAssignment';
  readonly metadata: Metadata;
  readonly spec: {
    readonly domain: DomainSelector;
    readonly devices: readonly DeviceEntry[];
    readonly updatePolicy: 'Live' | 'OnNextStart';
    readonly whenStopped: 'Assignable' | 'Host';
    readonly deletionPolicy: DeletionPolicy;
    readonly driftPolicy: 'Correct' | 'Report';
    readonly suspend: boolean;
    /** The hosts it is for, by name, glob or machine id; every host when absent. */
    readonly hosts?: readonly string[];
  };
}

/** How a guest is made to let go of a device before it is detached. */
export interface GuestUnbind {
  /** Program and arguments with placeholders (api/placeholders.ts). No shell reads them. */
  readonly command: readonly string[];
  /** What goes to its standard input, with placeholders. */
  readonly input?: string;
  /** 1 to 90. */
  readonly timeoutSeconds: number;
  /** Whether a device is detached although the command failed. */
  readonly onFailure: 'Refuse' | 'Proceed';
}

/** How many devices may leave running guests at once where no policy says it. */
export const MAX_DETACHES_DEFAULT = 2;

/** Rules for the whole host; at most one for each. */
export interface PCIHostPolicy {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'PCIHostPolicy';
  readonly metadata: Metadata;
  readonly spec: {
    readonly protectedDevices: readonly ({ readonly address: Address } | { readonly path: PciPath })[];
    /** How many devices may leave running guests at once without a person's approval. */
    readonly maxDetachesPerPass: number;
    /** Absent: a guest is not told before a device is detached. */
    readonly guestUnbind?: GuestUnbind;
    /** Whether a device is torn from a guest that has refused to let go of it several times. */
    readonly forceDetach: boolean;
    /** The guards that are switched off. */
    readonly allow: readonly SwitchableGuard[];
    readonly hosts?: readonly string[];
  };
}

/** A place in a manifest file; line and column count from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** An assignment that is in force, and where it is written. */
export interface SourcedAssignment {
  readonly assignment: PCIAssignment;
  readonly origin: Origin;
  /** Where each of `spec.devices` is written, in the same order. */
  readonly entryOrigins: readonly Origin[];
  /** Hash of the object's content: changes when, and only when, its meaning changes. */
  readonly hash: string;
  /** Set while the file's present content is unusable and this is its last good content. */
  readonly stale?: ManifestProblem;
}

/** What is wrong at one place of a manifest. */
export interface ManifestProblem extends Origin {
  /** Stable code, e.g. `UnknownField`. */
  readonly code: ProblemCode;
  /** The field's path, e.g. `spec.devices[0].address`; empty for the whole file. */
  readonly field: string;
  /** One sentence; says what to do where that is known. */
  readonly message: string;
  /** The line itself and a caret under the place; empty where there is no text to show. */
  readonly excerpt: string;
}

/** Every way in which a manifest can be wrong. */
export type ProblemCode =
  | 'Unreadable'
  | 'NotTrusted'
  | 'TooLarge'
  | 'Syntax'
  | 'UnknownKind'
  | 'UnknownField'
  | 'MissingField'
  | 'InvalidValue'
  | 'DuplicateName'
  | 'DuplicateDevice'
  | 'EmptySource';

/** What a source says about other hosts than this one. */
export interface Elsewhere {
  /** How many valid objects are for other hosts. */
  readonly objects: number;
  /** This host, by the name that it was compared by. */
  readonly host: string;
}

/** A manifest that is tried: in force until a time, unless a person keeps it. */
export interface TrialNow {
  /** The file that it stands for. */
  readonly file: string;
  /** Whoever tries it, in words. */
  readonly by: string;
  /** RFC 3339 in UTC. */
  readonly until: string;
}

/** All that the source says at one moment: of objects with `spec.hosts` only those that are for this host. */
export interface SourceSnapshot {
  readonly assignments: readonly SourcedAssignment[];
  readonly policy?: PCIHostPolicy;
  readonly problems: readonly ManifestProblem[];
  /** False while anything could not be read or is not valid: then nothing may be concluded from what is absent. */
  readonly complete: boolean;
  /** Set while a file that never was valid may hold the PCIHostPolicy: then any device may be protected. */
  readonly policyUnknown?: true;
  /** Set when some objects are for other hosts. */
  readonly elsewhere?: Elsewhere;
  /** What persons at the machine have suspended; absent where nobody has asked. Their assignments say `suspend: true`. */
  readonly suspensions?: Suspensions;
  /** Set while one of the files is on trial. */
  readonly trial?: TrialNow;
}
