import { type Address, formatAddress, parseAddress } from '../../api/address.ts';

/** One device of a guest's PCI backend. */
export interface BackendDevice {
  readonly address: Address;
  /** XenbusState of the device itself, key `state-N`. */
  readonly state?: number;
  /** Where a PV guest sees it (written by pciback), key `vdev-N`. */
  readonly vdev?: string;
  /** Where an HVM guest sees it (written by libxl once its device model has answered), key `vdevfn-N`. */
  readonly vdevfn?: string;
  /** From `opts-N`. */
  readonly permissive?: boolean;
}

/** `/local/domain/0/backend/pci/DOMID/0`: written by libxl and pciback, readable by the guest. */
export interface PciBackend {
  readonly domid: number;
  /** XenbusState of the connection with the guest's pcifront. An HVM guest has none, so there it means nothing. */
  readonly state?: number;
  readonly devices: readonly BackendDevice[];
  /** pciback has given one of its devices up after a PCI Express error, key `aerState`. */
  readonly failed?: true;
  /** False while the count and the entries contradict each other: libxl is renumbering them. */
  readonly consistent: boolean;
}

/** XenbusState (xen/include/public/io/xenbus.h). */
export const XenbusState = {
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const;

const KEY = /^(?:state|num_devs|aerState|(?:dev|state|vdev|vdevfn|opts)-\d{1,4})$/;

/** Whether a key of a backend's folder says anything about its devices. */
export function wantedKey(key: string): boolean {
  return KEY.test(key);
}

/** Reads the keys of a backend's folder; a value that makes no sense counts as not there. */
export function parseBackend(domid: number, values: ReadonlyMap<string, string | undefined>): PciBackend {
  const state = parseCount(values.get('state'));
  // In the order of their indices: xenstored lists nodes as they came, and one that came again last.
  const indices = [...values.keys()].flatMap(key => /^dev-(\d{1,4})$/.exec(key)?.[1] ?? []);
  const devices = indices.sort((a, b) => Number(a) - Number(b)).flatMap(index => parseDevice(index, values) ?? []);
  // While libxl renumbers, one device can have two entries for a moment: it is still one device.
  const unique = [...new Map(devices.map(device => [device.address, device])).values()];
  const consistent = unique.length === devices.length && devices.length === parseCount(values.get('num_devs'));
  const failed = values.get('aerState') === 'aerfail';
  return {
    domid,
    ...(state === undefined ? {} : { state }),
    devices: unique,
    ...(failed ? { failed } : {}),
    consistent,
  };
}

function parseDevice(index: string, values: ReadonlyMap<string, string | undefined>): BackendDevice | undefined {
  const address = parseAddress(values.get(`dev-${index}`) ?? '');
  if (address === undefined) return undefined;
  const state = parseCount(values.get(`state-${index}`));
  const vdev = values.get(`vdev-${index}`);
  const vdevfn = values.get(`vdevfn-${index}`);
  const permissive = /(?:^|,)permissive=([01])(?:,|$)/.exec(values.get(`opts-${index}`) ?? '')?.[1];
  return {
    address,
    ...(state === undefined ? {} : { state }),
    // Written as `0000:00:01.00`, with two digits of function (Linux drivers/xen/xen-pciback/xenbus.c).
    ...(vdev !== undefined && /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]{2}$/i.test(vdev) ? { vdev } : {}),
    ...(vdevfn !== undefined && /^[0-9a-f]{1,8}$/i.test(vdevfn) ? { vdevfn } : {}),
    ...(permissive === undefined ? {} : { permissive: permissive === '1' }),
  };
}

function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}

/** How a guest is virtualised, as far as it is known. */
export type GuestType = 'pv' | 'hvm' | 'pvh' | undefined;

/** Whether nothing shows that an attach or detach of this device is under way. */
export function isSettled(backend: PciBackend, device: BackendDevice, type: GuestType): boolean {
  if (!backend.consistent) return false;
  if (isClosing(device)) return false;
  if (isHvm(backend, type)) return device.vdevfn !== undefined;
  const changing = backend.state === XenbusState.Reconfiguring || backend.state === XenbusState.Reconfigured;
  return !changing && device.vdev !== undefined;
}

/**
 * Whether the next change of a guest's devices may begin. For a PV guest libxl waits for a connected backend first, and
 * when it gives up, libvirt is left with a domain that it has half freed (libxl_driver.c: libxlDomainDetachHostPCIDevice, 9.0 to 11.3).
 */
export function isIdle(backend: PciBackend | undefined, type: GuestType): boolean {
  if (backend === undefined) return true;
  if (!backend.devices.every(device => isSettled(backend, device, type))) return false;
  return isHvm(backend, type) || backend.state === XenbusState.Connected;
}

/**
 * Whether a PV guest has let go of a device after libxl had ceased to wait for it, which it does after 10 s and calls a
 * success: the bus is connected again, the device is not on it, and the entry stays for as long as the guest lives. Any
 * further change makes that bus hang (pciback: "not owned by this domain"). Seen on Xen 4.17, with Linux 6.1.
 */
export function isLeftover(backend: PciBackend, device: BackendDevice, type: GuestType): boolean {
  return !isHvm(backend, type) && backend.state === XenbusState.Connected && isClosing(device);
}

/**
 * Whether a PV guest's PCI bus is closed. It stays so until the guest ends: its kernel connects a bus only while that is
 * new (Linux xenbus_probe_node). Seen on Xen 4.17 when a device was given right after the last one had left: Linux, done with
 * the bus before, closed the one that had taken its place; and when pciback did not get the device, because another guest
 * that it was taken from had not let go of it.
 */
export function isBusClosed({ state }: PciBackend, type: GuestType): boolean {
  return type === 'pv' && (state === XenbusState.Closing || state === XenbusState.Closed);
}

/** Whether libxl has asked for a device back. */
export function isClosing({ state }: BackendDevice): boolean {
  return state === XenbusState.Closing || state === XenbusState.Closed;
}

function isHvm(backend: PciBackend, type: GuestType): boolean {
  return type === undefined ? backend.devices.some(device => device.vdevfn !== undefined) : type !== 'pv';
}

/**
 * Where a guest sees a device, `0000:00:01.0`: for a PV guest where pciback has put it, for an HVM guest the slot and
 * function on bus 0 that its device model has answered. The guest's own nodes are not asked.
 * @returns undefined when xenstore does not show it.
 */
export function guestAddress({ vdev, vdevfn }: BackendDevice, type: GuestType): Address | undefined {
  if (type === 'hvm') return vdevfn === undefined ? undefined : fromDevfn(Number.parseInt(vdevfn, 16));
  const [, place = '', fn = ''] = /^(.*\.)([0-9a-f]{2})$/i.exec(vdev ?? '') ?? [];
  return parseAddress(`${place}${Number.parseInt(fn, 16)}`);
}

/** Five bits of slot, three of function; what is above them is libxl's own. */
function fromDevfn(devfn: number): Address {
  return formatAddress({ segment: 0, bus: 0, device: (devfn >> 3) & 0x1f, function: devfn & 7 });
}

/** What a backend shows, for a message. */
export function backendText(backend: PciBackend): string {
  const devices = backend.devices.map(
    ({ address, state, vdev, vdevfn }) => `${address} state ${state ?? 'none'} seen at ${vdev ?? vdevfn ?? 'nothing'}`,
  );
  return `state ${backend.state ?? 'none'}, ${devices.join(', ')}${backend.consistent ? '' : ', being renumbered'}`;
}
