import type { Dom0Layout } from '../api/layout.ts';
import { HostError } from '../controller/ports.ts';
import { LibvirtClient } from '../node-libvirt/index.ts';
import { SysfsPci } from './sysfs/sysfs.ts';
import { Dom0Uses } from './uses/dom0-uses.ts';
import { lookAtXenstore } from './xenstore/follower.ts';
import { XenstoreLink } from './xenstore/link.ts';
import type { XenstoreAccess, XenstoreView } from './xenstore/view.ts';
import { IommuFact } from './xl/iommu.ts';
import { Xl } from './xl/xl.ts';

/** How long things may take, in milliseconds. */
export interface HostDeadlines {
  /** One answer of xenstored or libvirtd while looking. libvirtd took 10 s while three guests were booting. */
  readonly readMs: number;
  /** `xl pci-assignable-add` and `-remove`. */
  readonly bindMs: number;
  /** Attaching and detaching: a guest that does not answer made libvirt take 23 s. */
  readonly attachMs: number;
  /** Until xenstore has settled, before a change and after it. */
  readonly settleMs: number;
}

export const DEFAULT_DEADLINES: HostDeadlines = {
  readMs: 30_000,
  bindMs: 60_000,
  attachMs: 60_000,
  settleMs: 10_000,
};

/** The parts of a dom0, connected when first used. */
export interface Dom0 {
  readonly layout: Dom0Layout;
  readonly deadlines: HostDeadlines;
  readonly sysfs: SysfsPci;
  readonly uses: Dom0Uses;
  readonly iommu: IommuFact;
  readonly xl: Xl;
  readonly xenstore: { client(): Promise<XenstoreAccess> };
  readonly libvirt: LibvirtAccess;
}

/** The part of LibvirtClient that looks and steps need. */
export type LibvirtAccess = Pick<
  LibvirtClient,
  | 'connected'
  | 'connect'
  | 'onConnectFailure'
  | 'listDomains'
  | 'domainByUuid'
  | 'domainState'
  | 'domainXml'
  | 'defineDomain'
  | 'attachDevice'
  | 'detachDevice'
>;

/** A dom0 with connections of its own, to listen to and to close. */
export interface ConnectedDom0 extends Dom0 {
  readonly xenstore: XenstoreLink;
  readonly libvirt: LibvirtClient;
}

/** Calls that may wait for libvirt: a look asks three things of each domain at once. */
const CALLS_MAX = 16_384;

/**
 * Connections for changes. With four calls under way on each, twelve of libvirtd's twenty workers (libvirtd.conf,
 * max_workers) are ours at most, and the others serve everybody else.
 */
const CHANGE_CONNECTIONS = 3;

/** Puts the parts together; nothing is opened yet. */
export function openDom0(layout: Dom0Layout, deadlines: HostDeadlines): ConnectedDom0 {
  const { readMs, attachMs } = deadlines;
  const xl = new Xl(layout.xl, deadlines);
  return {
    layout,
    deadlines,
    sysfs: new SysfsPci(layout.sysfs),
    uses: new Dom0Uses(layout),
    iommu: new IommuFact(xl),
    xl,
    xenstore: new XenstoreLink(layout, readMs),
    libvirt: new LibvirtClient({
      socketPath: layout.libvirtSocket,
      deadlineMs: readMs,
      changeDeadlineMs: attachMs,
      maxQueued: CALLS_MAX,
      changeConnections: CHANGE_CONNECTIONS,
      // On one machine a daemon that is gone closes its socket. Pings would wake both sides every few seconds.
      keepalive: 'none',
    }),
  };
}

/**
 * Looks at xenstore.
 * @throws {HostError} Unreachable, naming the socket.
 */
export async function xenstoreView({ xenstore, layout }: Dom0, signal: AbortSignal): Promise<XenstoreView> {
  const client = await xenstore.client();
  try {
    return await lookAtXenstore(client, signal);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const message = `${error.message} (${layout.xenstoreSocket}); is xenstored running?`;
    throw new HostError(error.code, message, { cause: error });
  }
}
