import { type Address, parseAddress } from '../../api/address.ts';
import { XenstoreError } from '../../xenstore-client/index.ts';
import { type GuestType, type PciBackend, parseBackend, wantedKey } from './pci-backend.ts';

/** What the view asks of a xenstore client; inside a transaction all answers are from one moment. */
export interface XenstoreReader {
  read(path: string): Promise<string>;
  directory(path: string): Promise<string[]>;
  /** Keeps what is made of a folder, by a reader that knows when that has changed. */
  making?<T>(folder: string, make: () => Promise<T>): Promise<T>;
}

/** A running guest, as its toolstack entered it in xenstore. */
export interface XenDomain {
  readonly domid: number;
  readonly name: string;
  /** Absent when it was made by hand, without a toolstack. */
  readonly uuid?: string;
  readonly type?: 'pv' | 'hvm' | 'pvh';
  /** Set for a stub domain: the guest that it runs the device model of. */
  readonly target?: number;
}

/** The toolstack's own notes on a device below `/libxl/pci` (libxl_pci.c: pci_info_xs_write). */
export interface PciMark {
  /** The guest it was given to; stays behind when a toolstack dies. */
  readonly domid?: number;
  /** The driver it had in dom0 before it was made assignable. */
  readonly driver?: string;
}

/** Above this Xen's domain numbers have special meanings (xen/include/public/xen.h, DOMID_FIRST_RESERVED). */
const DOMID_MAX = 0x7fef;

const BACKENDS = '/local/domain/0/backend/pci';

/** The folder of a guest's PCI backend: there is one for each guest, and its device id is always 0. */
export function backendPath(domid: number): string {
  return `${BACKENDS}/${domid}/0`;
}

/**
 * Looks at the PCI backend of one guest.
 * @throws what the reader throws, except for what is not there.
 */
export function readBackend(reader: XenstoreReader, domid: number): Promise<PciBackend | undefined> {
  const folder = backendPath(domid);
  return madeOf(reader, folder, () => makeBackend(reader, domid, folder));
}

function madeOf<T>(reader: XenstoreReader, folder: string, make: () => Promise<T>): Promise<T> {
  return reader.making === undefined ? make() : reader.making(folder, make);
}

async function makeBackend(reader: XenstoreReader, domid: number, folder: string): Promise<PciBackend | undefined> {
  const keys = (await list(reader, folder)).filter(wantedKey);
  if (keys.length === 0) return undefined;
  const values = await Promise.all(keys.map(async key => [key, await value(reader, `${folder}/${key}`)] as const));
  return parseBackend(domid, new Map(values));
}

/** How a guest is virtualised; libxl notes it when it makes one. */
async function guestTypeOf(reader: XenstoreReader, domid: number): Promise<GuestType> {
  const type = await value(reader, `/libxl/${domid}/type`);
  return type === 'pv' || type === 'hvm' || type === 'pvh' ? type : undefined;
}

/** All nodes that tell who has what. */
export interface XenstoreNodes {
  readonly domains: readonly XenDomain[];
  readonly backends: readonly PciBackend[];
  readonly marks: ReadonlyMap<Address, PciMark>;
}

/**
 * Reads all nodes that tell who has what; only such as dom0 alone can write.
 * @param domids the domains that have nodes: see listDomains.
 * @throws what the reader throws, except for what is not there.
 */
export async function readNodes(reader: XenstoreReader, domids: readonly number[]): Promise<XenstoreNodes> {
  const [domains, backends, marks] = await Promise.all([
    Promise.all(domids.map(domid => readDomain(reader, domid))),
    readBackends(reader),
    readMarks(reader),
  ]);
  return { domains, backends, marks };
}

/** The domains that have nodes, without dom0. @throws what the reader throws */
export async function listDomains(reader: XenstoreReader): Promise<number[]> {
  return (await list(reader, '/local/domain')).flatMap(parseDomid).filter(domid => domid !== 0);
}

/** Where everything is that tells who has what, apart from what each domain has of its own. */
export const HOLDING_PATHS: readonly string[] = [BACKENDS, '/libxl'];

/** What a domain has of its own that tells who it is: not its folder, below which guests write. */
export function identityPaths(domid: number): string[] {
  return ['name', 'vm', 'target'].map(key => `/local/domain/${domid}/${key}`);
}

async function readBackends(reader: XenstoreReader): Promise<PciBackend[]> {
  const domids = (await list(reader, BACKENDS)).flatMap(parseDomid);
  const backends = await Promise.all(domids.map(domid => readBackend(reader, domid)));
  return backends.filter(backend => backend !== undefined);
}

async function readDomain(reader: XenstoreReader, domid: number): Promise<XenDomain> {
  const folder = `/local/domain/${domid}`;
  const [name, vm, target, type] = await Promise.all([
    value(reader, `${folder}/name`),
    value(reader, `${folder}/vm`),
    value(reader, `${folder}/target`),
    guestTypeOf(reader, domid),
  ]);
  const uuid = UUID_PATH.exec(vm ?? '')?.[1]?.toLowerCase();
  const [targetId] = parseDomid(target ?? '');
  return {
    domid,
    name: name === undefined || name === '' ? `domain ${domid}` : name.slice(0, NAME_MAX),
    ...(uuid === undefined ? {} : { uuid }),
    ...(type === undefined ? {} : { type }),
    ...(targetId === undefined ? {} : { target: targetId }),
  };
}

const UUID_PATH = /^\/vm\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;
/** Characters of a name that are kept. */
const NAME_MAX = 256;

function readMarks(reader: XenstoreReader): Promise<ReadonlyMap<Address, PciMark>> {
  const folder = '/libxl/pci';
  return madeOf(reader, folder, () => makeMarks(reader, folder));
}

async function makeMarks(reader: XenstoreReader, folder: string): Promise<ReadonlyMap<Address, PciMark>> {
  const entries = (await list(reader, folder)).flatMap(name => {
    const address = parseMarkName(name);
    return address === undefined ? [] : [{ name, address }];
  });
  const marks = entries.map(async ({ name, address }): Promise<[Address, PciMark]> => {
    const [domid, path] = await Promise.all([
      value(reader, `${folder}/${name}/domid`),
      value(reader, `${folder}/${name}/driver_path`),
    ]);
    return [address, parseMark(domid, path)];
  });
  return new Map(await Promise.all(marks));
}

/** `0000-03-00-0`: an address that fits in a xenstore path (libxl_pci.c, PCI_BDF_XSPATH). */
function parseMarkName(name: string): Address | undefined {
  const [, segment, bus, device, fn] = /^([0-9a-f]{4,8})-([0-9a-f]{2})-([0-9a-f]{2})-([0-7])$/.exec(name) ?? [];
  return segment === undefined ? undefined : parseAddress(`${segment}:${bus}:${device}.${fn}`);
}

function parseMark(domid: string | undefined, path: string | undefined): PciMark {
  const [holder] = parseDomid(domid ?? '');
  const driver = /^\/sys\/bus\/pci\/drivers\/([^/]{1,64})$/.exec(path ?? '')?.[1];
  return { ...(holder === undefined ? {} : { domid: holder }), ...(driver === undefined ? {} : { driver }) };
}

/** A domain number in a list, or an empty list: made for flatMap. */
function parseDomid(text: string): number[] {
  const domid = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return domid <= DOMID_MAX ? [domid] : [];
}

async function list(reader: XenstoreReader, path: string): Promise<string[]> {
  return (await unlessAbsent(reader.directory(path))) ?? [];
}

function value(reader: XenstoreReader, path: string): Promise<string | undefined> {
  return unlessAbsent(reader.read(path));
}

async function unlessAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof XenstoreError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
