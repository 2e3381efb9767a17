import { type CallOptions, prepareCall } from './call.ts';
import { ChangeLinks } from './change-links.ts';
import { Link, type LinkListener } from './link.ts';
import { Listeners } from './listeners.ts';
import { type LibvirtClientOptions, withDefaults } from './options.ts';
import * as procedures from './procedures.ts';
import { type DomainRef, domainStates, nameOf } from './types.ts';
import { type DomainState, type LifecycleEvent, lifecycleEventOf, type Version, versionOf } from './values.ts';

/** Which definition to change or ask for; neither means the current state, live while the domain runs. */
export interface Affects {
  readonly live?: boolean;
  readonly config?: boolean;
}

// virDomainXMLFlags (libvirt-domain.h).
const XML_SECURE = 1;
const XML_INACTIVE = 2;
const METADATA_ELEMENT = 2;
const LIST_ITEMS = 1;

function affectFlags(affects: Affects): number {
  return (affects.live ? 1 : 0) | (affects.config ? 2 : 0);
}

/**
 * libvirt for one hypervisor. It connects when first used and reconnects by itself. Reads and events have one
 * connection, changes others, because a change can take half a minute and must not hold up a look.
 *
 * Every method rejects with LibvirtError (libvirt said no), ConnectionLostError (in flight when the connection broke,
 * or the client is closed), DeadlineError, QueueFullError, XdrError (arguments or answer do not fit the protocol) or
 * the reason of its AbortSignal.
 */
export class LibvirtClient {
  readonly #reads: Link;
  readonly #changes: ChangeLinks;
  readonly #deadlineMs: number;
  readonly #changeDeadlineMs: number;
  readonly #lifecycle = new Listeners<[LifecycleEvent]>();
  readonly #disconnect = new Listeners<[Error]>();
  readonly #reconnect = new Listeners<[]>();
  readonly #connectFailure = new Listeners<[Error]>();
  #wasUp = false;

  /** Throws RangeError on options that make no sense. Nothing is connected yet. */
  constructor(options: LibvirtClientOptions = {}) {
    const { deadlineMs, changeDeadlineMs, changeConnections, link } = withDefaults(options);
    this.#deadlineMs = deadlineMs;
    this.#changeDeadlineMs = changeDeadlineMs;
    this.#reads = new Link({ ...link, events: true }, this.#readListener());
    const unheard: LinkListener = { lifecycle: () => undefined, up: () => undefined, down: () => undefined };
    const open = (): Link => new Link({ ...link, events: false }, unheard);
    this.#changes = new ChangeLinks(open, link.window, changeConnections);
  }

  /** Connects and subscribes, as any first call does. Rejects with DeadlineError, whose cause is what kept failing. */
  async connect(options?: CallOptions): Promise<void> {
    await this.libraryVersion(options);
  }

  /** Whether reads and events are connected now. */
  get connected(): boolean {
    return this.#reads.connected;
  }

  /** Rejects everything under way and lets go of sockets and timers. Final. */
  close(): void {
    this.#reads.close();
    this.#changes.close();
  }

  /** Lifecycle events of all domains, once connected. The returned function ends it. */
  onLifecycle(listener: (event: LifecycleEvent) => void): () => void {
    return this.#lifecycle.add(listener);
  }

  /** The connection for reads and events was lost: events may be missed from now on. */
  onDisconnect(listener: (error: Error) => void): () => void {
    return this.#disconnect.add(listener);
  }

  /** It is back and subscribed again: look anew, for what happened in between was not told. */
  onReconnect(listener: () => void): () => void {
    return this.#reconnect.add(listener);
  }

  /** An attempt to connect failed; the next one follows by itself. */
  onConnectFailure(listener: (error: Error) => void): () => void {
    return this.#connectFailure.add(listener);
  }

  /** All domains, or those that virConnectListAllDomainsFlags selects. */
  listDomains(options: CallOptions & { readonly flags?: number } = {}): Promise<DomainRef[]> {
    const args = { needResults: LIST_ITEMS, flags: options.flags ?? 0 };
    return this.#read(procedures.connectListAllDomains, args, options);
  }

  /** LibvirtError noDomain when there is none. */
  domainByName(name: string, options?: CallOptions): Promise<DomainRef> {
    return this.#read(procedures.domainLookupByName, name, options);
  }

  /** LibvirtError noDomain when there is none. */
  domainByUuid(uuid: string, options?: CallOptions): Promise<DomainRef> {
    return this.#read(procedures.domainLookupByUuid, uuid, options);
  }

  /** LibvirtError noDomain when no running domain has this id. */
  domainById(id: number, options?: CallOptions): Promise<DomainRef> {
    return this.#read(procedures.domainLookupById, id, options);
  }

  /**
   * The definition as XML: the live one while it runs, the stored one with `inactive`. Passwords are left out unless it
   * is `secure`: a definition that was read without must not be stored again.
   */
  domainXml(
    domain: DomainRef,
    options: CallOptions & { readonly inactive?: boolean; readonly secure?: boolean } = {},
  ): Promise<string> {
    const flags = (options.inactive === true ? XML_INACTIVE : 0) | (options.secure === true ? XML_SECURE : 0);
    return this.#read(procedures.domainGetXmlDesc, { domain, flags }, options);
  }

  async domainState(domain: DomainRef, options?: CallOptions): Promise<DomainState> {
    const { state, reason } = await this.#read(procedures.domainGetState, { domain, flags: 0 }, options);
    return { state: nameOf(domainStates, state), reason };
  }

  /** The metadata element of the namespace `uri`; LibvirtError noDomainMetadata when there is none. */
  getMetadata(domain: DomainRef, uri: string, options: CallOptions & Affects = {}): Promise<string> {
    const args = { domain, type: METADATA_ELEMENT, uri, flags: affectFlags(options) };
    return this.#read(procedures.domainGetMetadata, args, options);
  }

  /** The names of all node devices, or of those that virConnectListAllNodeDeviceFlags selects. */
  listNodeDevices(options: CallOptions & { readonly flags?: number } = {}): Promise<string[]> {
    const args = { needResults: LIST_ITEMS, flags: options.flags ?? 0 };
    return this.#read(procedures.connectListAllNodeDevices, args, options);
  }

  /** The name itself; LibvirtError noNodeDevice when there is none. */
  nodeDeviceByName(name: string, options?: CallOptions): Promise<string> {
    return this.#read(procedures.nodeDeviceLookupByName, name, options);
  }

  nodeDeviceXml(name: string, options?: CallOptions): Promise<string> {
    return this.#read(procedures.nodeDeviceGetXmlDesc, { name, flags: 0 }, options);
  }

  async libraryVersion(options?: CallOptions): Promise<Version> {
    return versionOf(await this.#read(procedures.connectGetLibVersion, undefined, options));
  }

  async hypervisorVersion(options?: CallOptions): Promise<Version> {
    return versionOf(await this.#read(procedures.connectGetVersion, undefined, options));
  }

  /** The driver's name, such as Xen. */
  hypervisorType(options?: CallOptions): Promise<string> {
    return this.#read(procedures.connectGetType, undefined, options);
  }

  /** What the host can do, as XML. */
  capabilities(options?: CallOptions): Promise<string> {
    return this.#read(procedures.connectGetCapabilities, undefined, options);
  }

  /** Stores a definition, new or in place of the one with the same name and UUID. */
  defineDomain(xml: string, options?: CallOptions): Promise<DomainRef> {
    return this.#change(procedures.domainDefineXmlFlags, { xml, flags: 0 }, options);
  }

  /** Removes the stored definition; a running domain goes on without. */
  undefineDomain(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.#change(procedures.domainUndefine, domain, options);
  }

  /** Starts a defined domain; the result has its new id. */
  startDomain(domain: DomainRef, options: CallOptions & { readonly paused?: boolean } = {}): Promise<DomainRef> {
    return this.#change(procedures.domainCreateWithFlags, { domain, flags: options.paused ? 1 : 0 }, options);
  }

  /** Starts a domain that is not defined and is forgotten when it stops. */
  createDomain(xml: string, options?: CallOptions): Promise<DomainRef> {
    return this.#change(procedures.domainCreateXml, { xml, flags: 0 }, options);
  }

  /** Stops a domain at once. */
  destroyDomain(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.#change(procedures.domainDestroy, domain, options);
  }

  /** Asks the guest to shut down; returns before it has. */
  shutdownDomain(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.#change(procedures.domainShutdown, domain, options);
  }

  /** Asks the guest to reboot; returns before it has. */
  rebootDomain(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.#change(procedures.domainReboot, { domain, flags: 0 }, options);
  }

  /** Pauses a running domain. */
  suspendDomain(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.#change(procedures.domainSuspend, domain, options);
  }

  /** Lets a paused domain go on. */
  resumeDomain(domain: DomainRef, options?: CallOptions): Promise<void> {
    return this.#change(procedures.domainResume, domain, options);
  }

  /** Adds the device `xml` describes. */
  attachDevice(domain: DomainRef, xml: string, options: CallOptions & Affects = {}): Promise<void> {
    return this.#change(procedures.domainAttachDeviceFlags, { domain, xml, flags: affectFlags(options) }, options);
  }

  /** Removes the device `xml` describes. */
  detachDevice(domain: DomainRef, xml: string, options: CallOptions & Affects = {}): Promise<void> {
    return this.#change(procedures.domainDetachDeviceFlags, { domain, xml, flags: affectFlags(options) }, options);
  }

  /** Sets the metadata element of a namespace; `xml` without an xmlns of its own, null removes it. */
  setMetadata(
    domain: DomainRef,
    element: { readonly uri: string; readonly key: string; readonly xml: string | null },
    options: CallOptions & Affects = {},
  ): Promise<void> {
    const { uri, key, xml } = element;
    const args = { domain, type: METADATA_ELEMENT, metadata: xml, key, uri, flags: affectFlags(options) };
    return this.#change(procedures.domainSetMetadata, args, options);
  }

  async #read<Args, Result>(
    procedure: procedures.Procedure<Args, Result>,
    args: Args,
    options: CallOptions = {},
  ): Promise<Result> {
    const limits = { deadlineMs: this.#deadlineMs, ...options };
    const call = prepareCall(procedure, args, limits, () => this.#reads.lastError);
    this.#reads.submit(call);
    return call.promise;
  }

  async #change<Args, Result>(
    procedure: procedures.Procedure<Args, Result>,
    args: Args,
    options: CallOptions = {},
  ): Promise<Result> {
    return this.#changes.call(procedure, args, { deadlineMs: this.#changeDeadlineMs, ...options });
  }

  #readListener(): LinkListener {
    return {
      lifecycle: event => this.#lifecycle.tell(lifecycleEventOf(event)),
      up: () => {
        if (this.#wasUp) this.#reconnect.tell();
        this.#wasUp = true;
      },
      down: (error, attempt) => (attempt ? this.#connectFailure : this.#disconnect).tell(error),
    };
  }
}
