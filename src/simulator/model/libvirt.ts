import type { Address } from '../../api/address.ts';
import { ErrorCode, type LifecycleEventName } from '../../node-libvirt/index.ts';
import type { Dom0 } from './dom0.ts';
import {
  type Definition,
  type Domain,
  type DomainType,
  EMPTY_DEFINITION,
  type Hostdev,
  type Instance,
  onCrash,
} from './domain.ts';
import { HostdevLists } from './hostdevs.ts';
import { createInstance, destroyInstance, pciAdd, pciRemove } from './libxl.ts';
import { internalError, LibvirtRefusal, noDomain, operationFailed, operationInvalid } from './refusal.ts';

/** Which definitions an attach or detach changes. */
export interface Affected {
  readonly live: boolean;
  readonly stored: boolean;
}

/** The lifecycle events there are. */
type LifecycleName = Exclude<LifecycleEventName, 'unknown'>;

/** A lifecycle event; `detail` counts per event as in libvirt-domain.h. */
export interface LifecycleNotice {
  readonly domain: Domain;
  /** The instance it is about, also when that is gone already. */
  readonly domid: number | undefined;
  readonly event: LifecycleName;
  readonly detail: number;
}

/** How an instance can end, with libvirt's number for it (virDomainEventStoppedDetailType). */
export const StoppedDetail = { shutdown: 0, destroyed: 1, crashed: 2 } as const;

/** Numbered as libvirt does: major * 1,000,000 + minor * 1,000 + release. */
export const LIBVIRT_9_0 = 9_000_000;
export const LIBVIRT_11_0 = 11_000_000;

/** libvirt's Xen driver: its belief about domains and devices, and its answers. It knows nothing of xl's doings. */
export class Libvirt {
  readonly version: number;
  readonly #dom0: Dom0;
  readonly #lists: HostdevLists;
  readonly #listeners = new Set<(notice: LifecycleNotice) => void>();

  constructor(dom0: Dom0, version: number = LIBVIRT_9_0) {
    this.#dom0 = dom0;
    this.version = version;
    this.#lists = new HostdevLists(dom0);
  }

  /** The domains it knows: its own. */
  domains(): Domain[] {
    return [...this.#dom0.domains.values()].filter(domain => domain.toolstack === 'libvirt');
  }

  /** @throws {LibvirtRefusal} when it knows none. */
  lookup(matches: (domain: Domain) => boolean, who: string): Domain {
    const found = this.domains().find(matches);
    if (found === undefined) throw noDomain(who);
    return found;
  }

  /** The domain on whose account a device is in use, by libvirt's belief. */
  user(address: Address): string | undefined {
    return this.#lists.user(address);
  }

  /** Stores a definition. @throws {LibvirtRefusal} when name and UUID belong to different domains. */
  define(identity: { name: string; uuid: string; type: DomainType }, definition: Definition): Domain {
    const known = this.#dom0.domains.get(identity.uuid);
    const namesake = this.domains().find(domain => domain.name === identity.name);
    if (namesake !== undefined && namesake.uuid !== identity.uuid) {
      throw operationFailed(`domain '${identity.name}' already exists with uuid ${namesake.uuid}`);
    }
    // Renaming by define is refused by libvirt as well (virDomainObjListAdd).
    if (known !== undefined && known.name !== identity.name) {
      throw operationFailed(`domain '${known.name}' is already defined with uuid ${identity.uuid}`);
    }
    const domain = known ?? { ...identity, toolstack: 'libvirt', stored: undefined, instance: undefined };
    const detail = domain.stored === undefined ? 0 : 1;
    domain.stored = definition;
    this.#dom0.domains.set(domain.uuid, domain);
    this.#notify(domain, 'defined', detail);
    return domain;
  }

  /** Starts a domain that is not stored. @throws {LibvirtRefusal} and there is none. */
  create(identity: { name: string; uuid: string; type: DomainType }, definition: Definition): Domain {
    if (this.domains().some(({ name, uuid }) => name === identity.name || uuid === identity.uuid)) {
      throw operationFailed(`domain '${identity.name}' already exists`);
    }
    const domain: Domain = { ...identity, toolstack: 'libvirt', stored: undefined, instance: undefined };
    this.#dom0.domains.set(domain.uuid, domain);
    try {
      this.#boot(domain, definition);
    } finally {
      if (domain.instance === undefined) this.#dom0.domains.delete(domain.uuid);
    }
    return domain;
  }

  /** Forgets the stored definition; a running domain goes on as a transient one. */
  undefine(domain: Domain): void {
    if (domain.stored === undefined) throw operationInvalid('cannot undefine transient domain');
    domain.stored = undefined;
    if (domain.instance === undefined) this.#dom0.domains.delete(domain.uuid);
    this.#notify(domain, 'undefined', 0);
  }

  /** Starts a defined domain. @throws {LibvirtRefusal} and it stays off. */
  start(domain: Domain, paused = false): void {
    if (domain.instance !== undefined) throw operationInvalid('domain is already running');
    this.#boot(domain, domain.stored ?? EMPTY_DEFINITION);
    if (paused) this.setPaused(domain, true);
  }

  /** Ends a running instance. Its devices stay on pciback. */
  stop(domain: Domain, detail: number): void {
    const { instance } = domain;
    if (instance === undefined) throw operationInvalid('domain is not running');
    this.#end(domain);
    this.#notify(domain, 'stopped', detail, instance.domid);
    if (domain.stored === undefined) this.#dom0.domains.delete(domain.uuid);
  }

  /** The guest restarts itself: another domain id, and of its devices only the stored ones. */
  reboot(domain: Domain): void {
    const { instance } = domain;
    if (instance === undefined) throw operationInvalid('domain is not running');
    this.#end(domain);
    try {
      this.#boot(domain, domain.stored ?? instance.live);
    } finally {
      this.#notify(domain, 'stopped', StoppedDetail.shutdown, instance.domid);
    }
  }

  /** The guest's kernel crashes, and its definition says what becomes of it. */
  crash(domain: Domain): void {
    const { instance } = domain;
    if (instance === undefined) throw operationInvalid('domain is not running');
    const fate = onCrash(instance.live);
    if (fate === 'destroy') this.stop(domain, StoppedDetail.crashed);
    if (fate === 'restart') this.reboot(domain);
    if (fate === 'preserve') this.#keepCrashed(domain, instance);
  }

  /** Pauses a running domain, or lets it run on. */
  setPaused(domain: Domain, paused: boolean): void {
    if (domain.instance === undefined) throw operationInvalid('domain is not running');
    domain.instance.paused = paused;
    domain.instance.believedPaused = paused;
    this.#dom0.instancesChanged();
    this.#notify(domain, paused ? 'suspended' : 'resumed', 0);
  }

  /** Changes a definition in another way than by devices: its metadata. @throws {LibvirtRefusal} */
  edit(domain: Domain, affected: Affected, change: (definition: Definition) => Definition): void {
    const stored = this.#storedFor(domain, affected);
    if (affected.live && domain.instance !== undefined) keep(domain.instance, change(domain.instance.live));
    if (stored !== undefined) domain.stored = change(stored);
  }

  /** Adds a device to the running instance, to the stored definition, or to both. @throws {LibvirtRefusal} */
  attach(domain: Domain, hostdev: Hostdev, affected: Affected): void {
    const stored = this.#storedFor(domain, affected);
    if (stored !== undefined && has(stored, hostdev.address)) throw exists(hostdev.address);
    if (affected.live) this.#attachLive(domain, hostdev);
    if (stored !== undefined) domain.stored = { ...stored, hostdevs: [...stored.hostdevs, hostdev] };
  }

  /** Takes a device away again. @throws {LibvirtRefusal} */
  detach(domain: Domain, hostdev: Hostdev, affected: Affected): void {
    const stored = this.#storedFor(domain, affected);
    if (stored !== undefined && !has(stored, hostdev.address)) {
      // Seen with libvirt 9.0.
      throw operationFailed('device not present in domain configuration');
    }
    if (affected.live) this.#detachLive(domain, hostdev);
    if (stored !== undefined) domain.stored = without(stored, hostdev.address);
  }

  /** The daemon starts again: what it believes is rebuilt from its notes of what runs, and nothing else changes. */
  restart(): void {
    for (const { instance } of this.domains()) if (instance !== undefined) instance.live = instance.saved;
    this.#lists.rebuild(
      this.domains().flatMap(({ name, instance }) =>
        instance === undefined ? [] : [[name, instance.live.hostdevs] as const],
      ),
    );
  }

  /** @returns a function that ends it. */
  onLifecycle(listener: (notice: LifecycleNotice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #storedFor(domain: Domain, affected: Affected): Definition | undefined {
    if (affected.live && domain.instance === undefined) throw operationInvalid('domain is not running');
    if (!affected.stored) return undefined;
    if (domain.stored === undefined) {
      throw operationInvalid('transient domains do not have any persistent config');
    }
    return domain.stored;
  }

  #attachLive(domain: Domain, hostdev: Hostdev): void {
    const { instance } = domain;
    if (instance === undefined) throw operationInvalid('domain is not running');
    if (has(instance.live, hostdev.address)) throw exists(hostdev.address);
    this.#lists.prepare(domain.name, [hostdev]);
    if (!pciAdd(this.#dom0, domain, hostdev.address, hostdev.permissive).ok) {
      this.#lists.release([hostdev]);
      throw internalError(`libxenlight failed to attach pci device ${hostdev.address}`);
    }
    keep(instance, { ...instance.live, hostdevs: [...instance.live.hostdevs, hostdev] });
  }

  #detachLive(domain: Domain, hostdev: Hostdev): void {
    const { instance } = domain;
    if (instance === undefined) throw operationInvalid('domain is not running');
    if (!has(instance.live, hostdev.address)) throw operationFailed(`host pci device ${hostdev.address} not found`);
    const removed = pciRemove(this.#dom0, domain, hostdev.address);
    instance.live = without(instance.live, hostdev.address);
    // The device then stays on the list of those in use until the daemon restarts, and is in the definition again after.
    if (!removed.ok) throw internalError(`libxenlight failed to detach pci device ${hostdev.address}`);
    instance.saved = instance.live;
    // So it does in 11.x when the caller did not name the driver (read in libvirt's source).
    if (this.version < LIBVIRT_11_0 || hostdev.driverNamed) this.#lists.release([hostdev]);
  }

  #keepCrashed(domain: Domain, instance: Instance): void {
    instance.crashed = true;
    this.#dom0.instancesChanged();
    this.#notify(domain, 'stopped', StoppedDetail.crashed);
  }

  #boot(domain: Domain, definition: Definition): void {
    this.#prepareBoot(domain, definition);
    if (!createInstance(this.#dom0, domain, definition).ok) {
      this.#lists.release(definition.hostdevs);
      throw failedToCreate(domain);
    }
    this.#notify(domain, 'started', 0);
  }

  #prepareBoot(domain: Domain, definition: Definition): void {
    try {
      this.#lists.prepare(domain.name, definition.hostdevs);
    } catch (error) {
      // 11.3 answered a device that is not on pciback with the general sentence; 9.0 named it.
      const unnamed = this.version >= LIBVIRT_11_0 && error instanceof LibvirtRefusal;
      if (unnamed && error.message.includes('must be manually detached')) throw failedToCreate(domain);
      throw error;
    }
  }

  #end(domain: Domain): void {
    this.#lists.release(domain.instance?.live.hostdevs ?? []);
    destroyInstance(this.#dom0, domain);
  }

  #notify(domain: Domain, event: LifecycleName, detail: number, domid = domain.instance?.domid): void {
    for (const listener of this.#listeners) listener({ domain, domid, event, detail });
  }
}

function keep(instance: Instance, definition: Definition): void {
  instance.live = definition;
  instance.saved = definition;
}

function failedToCreate(domain: Domain): LibvirtRefusal {
  return internalError(`libxenlight failed to create new domain '${domain.name}'`);
}

function exists(address: Address): LibvirtRefusal {
  return new LibvirtRefusal(ErrorCode.operationFailed, `operation failed: target pci device ${address} already exists`);
}

function has(definition: Definition, address: Address): boolean {
  return definition.hostdevs.some(hostdev => hostdev.address === address);
}

function without(definition: Definition, address: Address): Definition {
  return { ...definition, hostdevs: definition.hostdevs.filter(hostdev => hostdev.address !== address) };
}
