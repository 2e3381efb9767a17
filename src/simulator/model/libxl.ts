import type { Address } from '../../api/address.ts';
import { isAssignable } from './assignable.ts';
import {
  addEntry,
  backendPath,
  closeBus,
  closeEntry,
  connect,
  hasLeftover,
  isConnected,
  leaveStale,
  listEntries,
  removeEntry,
} from './backend.ts';
import type { Device } from './device.ts';
import type { Dom0 } from './dom0.ts';
import type { Definition, Domain, Instance } from './domain.ts';
import { done, failed, logLine, notesPath, type Outcome } from './libxl-outcome.ts';

/** assignable to guest: `xl pci-attach`, and what libvirt calls after its own checks. */
export function pciAdd(dom0: Dom0, domain: Domain, address: Address, permissive: boolean, starting = false): Outcome {
  const { instance } = domain;
  if (instance === undefined) return failed(logLine('error', '1569:libxl_device_pci_add', 'Domain is not running'));
  const log: string[] = [];
  const refuse = (text: string): Outcome => {
    // libxl takes its mark away after every failure, even another domain's.
    dom0.store.remove(`${notesPath(address)}/domid`);
    return failed(...log, logLine('error', '1702:libxl__device_pci_add', `Domain ${instance.domid}:${text}`));
  };
  const device = dom0.present(address);
  if (device === undefined || !isAssignable(dom0, device)) return refuse(`PCI device ${address} is not assignable`);
  dom0.store.write(`${notesPath(address)}/domid`, String(instance.domid));
  if ((device.spec.resetMethods ?? []).length === 0) {
    const text = `The kernel doesn't support reset from sysfs for PCI device ${address}`;
    log.push(logLine('error', '1506:libxl__device_pci_reset', `Domain ${instance.domid}:${text}`));
  }
  if (device.holder !== undefined) return refuse('xc_assign_device failed: Device or resource busy');
  if (!instance.passthrough) return refuse('xc_assign_device failed: Operation not supported');
  if (!answers(domain.type, instance) && !isConnected(dom0.store, instance.domid)) {
    log.push(notReady(instance.domid));
    return refuse('libxl__device_pci_add failed');
  }
  if (instance.torn.has(address)) return refuse(`Duplicate device ID '${deviceModelId(address)}'`);
  device.holder = instance.domid;
  device.quarantined = false;
  if (permissive) setPermissive(dom0, device);
  const guest = { domid: instance.domid, name: domain.name, type: domain.type };
  if (hasLeftover(dom0.store, instance.domid)) instance.busHangs = true;
  const isTaken = isExported(dom0, address);
  addEntry(dom0.store, guest, { address, permissive }, starting);
  if (isTaken && domain.type === 'pv') {
    // pciback: "Couldn't locate PCI device! perhaps already in-use?", and it closes the bus (seen on Xen 4.17).
    closeBus(dom0.store, instance.domid);
    instance.busHangs = true;
  }
  dom0.instancesChanged();
  return done(...log);
}

/** Whether pciback still has a device for a PV guest that has not let go of it, whatever the hypervisor's books say. */
function isExported({ domains, store }: Dom0, address: Address): boolean {
  return [...domains.values()].some(({ instance }) => {
    return instance?.unanswered.has(address) === true && !isConnected(store, instance.domid);
  });
}

function setPermissive(dom0: Dom0, device: Device): void {
  device.permissive = true;
  dom0.deviceChanged(device);
}

/** Whether the guest's frontend does its part of a change. */
function answers(type: Domain['type'], { paused, crashed, busHangs }: Instance): boolean {
  return type !== 'pv' || !(paused || crashed || busHangs);
}

function notReady(domid: number): string {
  return `libxl: error: libxl_device.c:1470:libxl__wait_for_backend: Backend ${backendPath(domid)} not ready`;
}

/**
 * guest to assignable: `xl pci-detach`, and what libvirt calls. The device goes back into quarantine. That a PV guest does
 * not let go of it is no failure for libxl: it waits 10 s and leaves the entry, with and without force. For an HVM guest
 * it is one, and nothing happens, unless by force (seen on Xen 4.17).
 * @param force as `xl pci-detach -f`.
 */
export function pciRemove(dom0: Dom0, domain: Domain, address: Address, force = false): Outcome {
  const { instance } = domain;
  if (instance === undefined || !listEntries(dom0.store, instance.domid).includes(address)) {
    const text = `Domain ${instance?.domid ?? -1}:PCI device not attached to this domain`;
    return failed(logLine('error', '1920:do_pci_remove', text));
  }
  const { store } = dom0;
  const { domid } = instance;
  const log: string[] = [];
  if (domain.type !== 'pv' && (instance.paused || instance.crashed || instance.refuses)) {
    log.push(notRemoved(domid, address));
    if (!force) return failed(...log, UNABLE);
    instance.torn.add(address);
  }
  // The hypervisor says that it is not this guest's, and libxl leaves all as it is and calls that a success (seen on Xen 4.17, where it also waited in vain).
  if (isTakenAlready(dom0, instance, address)) return done(...log, NOT_ASSIGNED);
  takeBack(dom0, domid, address);
  if (hasLeftover(store, domid)) instance.busHangs = true;
  const released = domain.type !== 'pv' || (answers(domain.type, instance) && !instance.refuses);
  if (released) removeEntry(store, domid, address);
  else leaveEntry(dom0, domain, instance, address);
  store.remove(`${notesPath(address)}/domid`);
  dom0.instancesChanged();
  return released ? done(...log) : done(...log, notReady(domid));
}

/** The guest has not done its part. One whose bus does not even connect, for which libxl waits first, is not asked at all. */
function leaveEntry({ store }: Dom0, { name, type }: Domain, instance: Instance, address: Address): void {
  const { domid } = instance;
  instance.unanswered.add(address);
  connect(store, { domid, name, type }, answers(type, instance));
  if (isConnected(store, domid)) closeEntry(store, domid, address);
}

function isTakenAlready(dom0: Dom0, { domid, unanswered }: Instance, address: Address): boolean {
  return unanswered.has(address) && dom0.devices.get(address)?.holder !== domid;
}

const NOT_ASSIGNED = logLine('error', '2064:pci_remove_detached', 'xc_deassign_device failed: Invalid argument');

const UNABLE = 'libxl: error: libxl_device.c:1486:device_addrm_aocomplete: unable to remove device';

function notRemoved(domid: number, address: Address): string {
  const text = `Domain ${domid}:timed out waiting for DM to remove ${deviceModelId(address)}`;
  return logLine('warning', '2218:pci_remove_timeout', text);
}

/** What libxl calls a device towards QEMU. */
function deviceModelId(address: Address): string {
  return `pci-pt-${address.slice(-7).replace(':', '_')}`;
}

function takeBack(dom0: Dom0, domid: number, address: Address): void {
  const device = dom0.devices.get(address);
  if (device?.holder !== domid) return;
  device.holder = undefined;
  device.quarantined = true;
}

/** Creates a running instance with its devices. When one cannot be had, there is no instance. */
export function createInstance(dom0: Dom0, domain: Domain, definition: Definition): Outcome {
  const passthrough = definition.passthrough || definition.hostdevs.length > 0;
  const domid = dom0.takeDomid();
  if (domain.type === 'pvh' && passthrough) {
    const text = `Domain ${domid}:passthrough not yet supported for x86 PVH guests`;
    return failed(`libxl: error: libxl_x86.c:876:libxl__arch_passthrough_mode_setdefault: ${text}`);
  }
  domain.instance = {
    domid,
    passthrough,
    paused: false,
    believedPaused: false,
    crashed: false,
    refuses: false,
    torn: new Set(),
    unanswered: new Set(),
    busHangs: false,
    started: definition,
    live: definition,
    saved: definition,
  };
  introduce(dom0, domain, domid);
  const log: string[] = [];
  for (const hostdev of definition.hostdevs) {
    const added = pciAdd(dom0, domain, hostdev.address, hostdev.permissive, true);
    log.push(...added.log);
    if (added.ok) continue;
    destroyInstance(dom0, domain);
    return failed(...log);
  }
  dom0.instancesChanged();
  return done(...log);
}

function introduce(dom0: Dom0, domain: Domain, domid: number): void {
  const home = `/local/domain/${domid}`;
  dom0.store.mkdir(home);
  dom0.store.setPermissions(home, ['n0', `r${domid}`]);
  dom0.store.write(`/libxl/${domid}/type`, domain.type);
  dom0.store.write(`${home}/vm`, `/vm/${domain.uuid}`);
  dom0.store.write(`${home}/name`, nodeText(domain.name));
  dom0.store.write(`${home}/domid`, String(domid));
  dom0.store.write(`/vm/${domain.uuid}/name`, nodeText(domain.name));
  dom0.store.write(`/vm/${domain.uuid}/uuid`, domain.uuid);
  dom0.store.fire('@introduceDomain');
}

/** Ends an instance, however that came about. Its devices stay on pciback, in quarantine. */
export function destroyInstance(dom0: Dom0, domain: Domain): void {
  const { instance } = domain;
  if (instance === undefined) return;
  const { domid } = instance;
  const ready = domain.type !== 'pv' || isConnected(dom0.store, domid);
  const addresses = listEntries(dom0.store, domid);
  if (!ready) leaveStale(dom0.store, domid);
  for (const address of addresses) {
    takeBack(dom0, domid, address);
    if (ready) removeEntry(dom0.store, domid, address);
    dom0.store.remove(`${notesPath(address)}/domid`);
  }
  dom0.store.remove(`/local/domain/${domid}`);
  dom0.store.remove(`/vm/${domain.uuid}`);
  dom0.store.remove(`/libxl/${domid}`);
  domain.instance = undefined;
  dom0.store.fire('@releaseDomain');
  dom0.instancesChanged();
}

/** A text as a node has it: UTF-8, a character for each byte, as the store keeps all values. */
function nodeText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
