import { type Address, parseAddress } from '../../api/address.ts';
import type { DomainType } from './domain.ts';
import { parentPath, type Store } from './store.ts';

// What libxl and xen-pciback write for a guest's devices, in their order. Names and values as seen on Xen 4.17 and 4.20;
// the states are those of Xen's public/io/xenbus.h.
const State = {
  Initialising: '1',
  Initialised: '3',
  Connected: '4',
  Closing: '5',
  Closed: '6',
  Reconfiguring: '7',
  Reconfigured: '8',
} as const;

/** Below it, one folder for each domain id. */
export const BACKEND_ROOT = '/local/domain/0/backend/pci';

/** One device as libxl adds it. */
export interface BackendEntry {
  readonly address: Address;
  readonly permissive: boolean;
}

/** The instance that entries belong to. */
export interface BackendGuest {
  readonly domid: number;
  readonly name: string;
  readonly type: DomainType;
}

/** The folder of one guest's devices; libxl uses a single one, number 0. */
export function backendPath(domid: number): string {
  return `${BACKEND_ROOT}/${domid}/0`;
}

/** The devices that xenstore names for a domain id, in order of their index. */
export function listEntries(store: Store, domid: number): Address[] {
  const folder = backendPath(domid);
  const count = Number(store.read(`${folder}/num_devs`) ?? 0);
  const addresses = Array.from({ length: count }, (_, index) =>
    parseAddress(store.read(`${folder}/dev-${index}`) ?? ''),
  );
  return addresses.filter(address => address !== undefined);
}

/** libxl's part of an attach: the entry is there, and the guest has not answered yet. */
export function addEntry(store: Store, guest: BackendGuest, entry: BackendEntry, starting: boolean): void {
  const folder = backendPath(guest.domid);
  const index = Number(store.read(`${folder}/num_devs`) ?? 0);
  if (store.find(folder) === undefined) createFolders(store, guest);
  store.write(`${folder}/key-${index}`, entry.address);
  store.write(`${folder}/dev-${index}`, entry.address);
  if (guest.type !== 'pv') store.write(`${folder}/vdevfn-${index}`, freeGuestSlot(store, folder, index));
  const permissive = entry.permissive ? 1 : 0;
  store.write(`${folder}/opts-${index}`, `msitranslate=0,power_mgmt=0,permissive=${permissive},rdm_policy=strict`);
  store.write(`${folder}/state-${index}`, State.Initialising);
  store.write(`${folder}/num_devs`, String(index + 1));
  if (index > 0 && !starting) store.write(`${folder}/state`, State.Reconfiguring);
}

/**
 * pciback's part. It publishes the devices of a new folder by itself, and those that come later when the guest's
 * frontend answers, and is connected then. An HVM guest has no frontend: there nothing moves after the first devices,
 * whatever libxl writes. Seen on Xen 4.17: a paused PV guest stays in state 3, and an HVM guest, after another attach, in 7.
 */
export function connect(store: Store, guest: BackendGuest, answers: boolean): void {
  const folder = backendPath(guest.domid);
  if (isConnected(store, guest.domid) || store.read(`${folder}/state`) === State.Closed) return;
  if (store.read(`${folder}/root_num`) === undefined) {
    publish(store, guest.domid);
    store.write(`${folder}/root-0`, '0000:00');
    store.write(`${folder}/root_num`, '1');
    store.write(`${folder}/state`, State.Initialised);
  }
  if (guest.type !== 'pv' || !answers) return;
  if (store.read(`${folder}/state`) === State.Reconfiguring) {
    publish(store, guest.domid);
    store.write(`${folder}/state`, State.Reconfigured);
  }
  store.write(`${folder}/state`, State.Connected);
}

function publish(store: Store, domid: number): void {
  const folder = backendPath(domid);
  listEntries(store, domid).forEach((_address, index) => {
    if (store.read(`${folder}/state-${index}`) !== State.Initialising) return;
    store.write(`${folder}/vdev-${index}`, `0000:00:${hex(index)}.00`);
    store.write(`${folder}/state-${index}`, State.Initialised);
  });
}

/** Whether nothing is under way for this domain id. */
export function isConnected(store: Store, domid: number): boolean {
  const state = store.read(`${backendPath(domid)}/state`);
  return state === undefined || state === State.Connected;
}

/**
 * libxl's part of a detach when the guest does not answer: after 10 s it leaves the entry as it is. The guest may let go
 * of the device later, and nobody removes the entry then.
 */
export function closeEntry(store: Store, domid: number, address: Address): void {
  const folder = backendPath(domid);
  store.write(`${folder}/state-${listEntries(store, domid).indexOf(address)}`, State.Closing);
  store.write(`${folder}/state`, State.Reconfiguring);
}

/** The guest's kernel is done with its PCI bus while libxl has entries there, or pciback cannot get a device: nothing connects them again. */
export function closeBus(store: Store, domid: number): void {
  const folder = backendPath(domid);
  if (store.find(folder) !== undefined) store.write(`${folder}/state`, State.Closed);
}

/** Whether the guest has let go of a device too late, so that its entry has stayed: see closeEntry. */
export function hasLeftover(store: Store, domid: number): boolean {
  return isConnected(store, domid) && listEntries(store, domid).some((_, index) => isClosing(store, domid, index));
}

/** Whether the entry with this index is of a device that is being taken away, or was. */
export function isClosing(store: Store, domid: number, index: number): boolean {
  return store.read(`${backendPath(domid)}/state-${index}`) === State.Closing;
}

/** Whether libxl has asked for a device of this guest and not got it. */
export function isLeaving(store: Store, domid: number): boolean {
  return listEntries(store, domid).some((_, index) => isClosing(store, domid, index));
}

/** libxl's and pciback's part of a detach; the entries behind move down, key by key. The last one takes the folder along. */
export function removeEntry(store: Store, domid: number, address: Address): void {
  const folder = backendPath(domid);
  const entries = listEntries(store, domid);
  const index = entries.indexOf(address);
  if (index === -1) return;
  store.write(`${folder}/state`, State.Reconfiguring);
  store.write(`${folder}/state-${index}`, State.Closing);
  for (const state of [State.Reconfiguring, State.Reconfigured, State.Connected]) store.write(`${folder}/state`, state);
  dropKeys(store, folder, index);
  store.write(`${folder}/num_devs`, String(entries.length - 1));
  for (let from = index + 1; from < entries.length; from += 1) renumber(store, folder, from);
  if (entries.length === 1) removeFolders(store, domid);
}

/** What remains when a guest ends before its frontend has answered: libxl says "not ready" and leaves the entry. */
export function leaveStale(store: Store, domid: number): void {
  const folder = backendPath(domid);
  listEntries(store, domid).forEach((_address, index) => {
    store.write(`${folder}/state-${index}`, State.Closing);
  });
  store.write(`${folder}/state`, State.Closed);
}

function createFolders(store: Store, guest: BackendGuest): void {
  const back = backendPath(guest.domid);
  const front = frontendPath(guest.domid);
  store.mkdir(back);
  // The guest may read what dom0 writes about it, and owns only its own side.
  store.setPermissions(back, ['n0', `r${guest.domid}`]);
  store.write(`${back}/frontend`, front);
  store.write(`${back}/frontend-id`, String(guest.domid));
  store.write(`${back}/online`, '1');
  store.write(`${back}/state`, State.Initialising);
  store.write(`${back}/domain`, guest.name);
  store.mkdir(front);
  store.setPermissions(front, [`n${guest.domid}`, 'r0']);
  store.write(`${front}/backend`, back);
  store.write(`${front}/backend-id`, '0');
  store.write(`${front}/state`, State.Initialising);
}

/** Removes both sides; libxl also removes the folders above that became empty. */
function removeFolders(store: Store, domid: number): void {
  store.remove(frontendPath(domid));
  let path = backendPath(domid);
  do {
    store.remove(path);
    path = parentPath(path);
  } while (path.startsWith(BACKEND_ROOT) && store.list(path).length === 0);
}

const KEYS = ['state', 'key', 'dev', 'vdev', 'opts', 'vdevfn'] as const;
const MOVED_KEYS = ['state', 'dev', 'key', 'vdev', 'opts', 'vdevfn'] as const;

function dropKeys(store: Store, folder: string, index: number): void {
  for (const key of KEYS) store.remove(`${folder}/${key}-${index}`);
}

function renumber(store: Store, folder: string, from: number): void {
  for (const key of MOVED_KEYS) {
    const value = store.read(`${folder}/${key}-${from}`);
    if (value === undefined) continue;
    store.write(`${folder}/${key}-${from - 1}`, value);
    store.remove(`${folder}/${key}-${from}`);
  }
}

/** QEMU puts passed-through devices behind its own; libxl writes slot and function as one hex number. */
function freeGuestSlot(store: Store, folder: string, entries: number): string {
  const taken = new Set(Array.from({ length: entries }, (_, index) => store.read(`${folder}/vdevfn-${index}`)));
  let slot = 5;
  while (taken.has((slot << 3).toString(16))) slot += 1;
  return (slot << 3).toString(16);
}

function frontendPath(domid: number): string {
  return `/local/domain/${domid}/device/pci/0`;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
