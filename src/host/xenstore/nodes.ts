import { type Address, parseAddress } from '../../api/address.ts';
import { lookup } from '../../plan/lookup.ts';
import { XenstoreError } from '../../xenstore-client/index.ts';
import { inTurns } from './in-turns.ts';
import { type PciBackend, parseBackend, wantedKey } from './pci-backend.ts';

/** What the view asks of a xenstore client; inside a transaction all answers are from one moment. */
export interface XenstoreReader {
  directory(path: string): Promise<string[]>;
  /** The values of a node's children in the order of their names; undefined for a child that is not there. */
  readChildren(path: string, names: readonly string[]): Promise<(string | undefined)[]>;
  /** Makes parts by a reader that keeps them until something has changed that they are made of. */
  parts?<Key, Part>(kind: PartKind<Key, Part>, keys: readonly Key[]): Promise<ReadonlyMap<Key, Part>>;
}

/** One kind of things that are made of nodes. There is one object for each kind. */
export interface PartKind<Key, Part> {
  /** At and below these paths is everything that a part is made of. */
  pathsOf(key: Key): readonly string[];
  make(reader: XenstoreReader, key: Key): Promise<Part>;
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
/** Where libxl keeps notes of its own. */
const TOOLSTACK = '/libxl';
const MARKS = `${TOOLSTACK}/pci`;

/** The folder of a guest's PCI backend: there is one for each guest, and its device id is always 0. */
export function backendPath(domid: number): string {
  return `${BACKENDS}/${domid}/0`;
}

/**
 * Looks at the PCI backend of one guest.
 * @throws what the reader throws, except for what is not there.
 */
export async function readBackend(reader: XenstoreReader, domid: number): Promise<PciBackend | undefined> {
  const folder = backendPath(domid);
  const keys = (await list(reader, folder)).filter(wantedKey);
  if (keys.length === 0) return undefined;
  const values = await reader.readChildren(folder, keys);
  return parseBackend(domid, new Map(keys.map((key, index) => [key, values[index]])));
}

const BACKEND: PartKind<number, PciBackend | undefined> = {
  pathsOf: domid => [backendPath(domid)],
  make: readBackend,
};

/** All nodes that tell who has what: from a reader that keeps them, the same objects as long as nothing has changed. */
export interface XenstoreNodes {
  readonly domains: ReadonlyMap<number, XenDomain>;
  /** By domain number; undefined where a folder holds no backend. */
  readonly backends: ReadonlyMap<number, PciBackend | undefined>;
  readonly marks: ReadonlyMap<Address, PciMark>;
}

/**
 * Reads all nodes that tell who has what; only such as dom0 alone can write.
 * @param domids the domains that have nodes: see listDomains.
 * @throws what the reader throws, except for what is not there.
 */
export async function readNodes(reader: XenstoreReader, domids: readonly number[]): Promise<XenstoreNodes> {
  const [domains, backends, marks] = await Promise.all([
    partsOf(reader, DOMAIN, domids),
    list(reader, BACKENDS).then(names => partsOf(reader, BACKEND, domidsIn(names))),
    list(reader, MARKS).then(names => partsOf(reader, MARK, markedIn(names))),
  ]);
  return { domains, backends, marks };
}

async function partsOf<Key, Part>(
  reader: XenstoreReader,
  kind: PartKind<Key, Part>,
  keys: readonly Key[],
): Promise<ReadonlyMap<Key, Part>> {
  if (reader.parts !== undefined) return reader.parts(kind, keys);
  const parts = await inTurns(keys, PARTS_AT_ONCE, key => kind.make(reader, key));
  return new Map(keys.map((key, index) => [key, parts[index] as Part]));
}

/**
 * Parts of one kind that are read at a time: enough to keep xenstored at work, and of thousands of devices no more than
 * the client lets wait.
 */
export const PARTS_AT_ONCE = 64;

/** The domains that have nodes, without dom0. @throws what the reader throws */
export async function listDomains(reader: XenstoreReader): Promise<number[]> {
  return (await list(reader, '/local/domain')).flatMap(parseDomid).filter(domid => domid !== 0);
}

const domidsIn = lookup((names: string[]): readonly number[] => names.flatMap(parseDomid));

/** Where everything is that tells who has what, apart from what each domain has of its own. */
export const HOLDING_PATHS: readonly string[] = [BACKENDS, TOOLSTACK];

/** What a domain has of its own that tells who it is: not its folder, below which guests write. */
const IDENTITY = ['name', 'vm', 'target'];

/** The paths of what tells who a domain is, its name first. */
export function identityPaths(domid: number): [name: string, ...others: string[]] {
  const [name = '', ...others] = IDENTITY.map(key => `${domainPath(domid)}/${key}`);
  return [name, ...others];
}

/** Where it is written which guest a stub domain serves. */
export function targetPath(domid: number): string {
  return `${domainPath(domid)}/target`;
}

/**
 * Whether a domain may be a stub domain whose target is still to be written. libxl names a stub domain when it makes it,
 * `GUEST-dm` (libxl_dm.c, libxl__stub_dm_name), and writes its target later.
 */
export function mayBecomeStub({ name }: XenDomain): boolean {
  return name.endsWith('-dm') || name.length === NAME_MAX;
}

function domainPath(domid: number): string {
  return `/local/domain/${domid}`;
}

/** How a guest is virtualised: libxl notes it when it makes one. */
const TYPE = 'type';

const DOMAIN: PartKind<number, XenDomain> = {
  pathsOf: domid => [...identityPaths(domid), `${TOOLSTACK}/${domid}/${TYPE}`],
  make: readDomain,
};

async function readDomain(reader: XenstoreReader, domid: number): Promise<XenDomain> {
  const [[name, vm, target], [type]] = await Promise.all([
    reader.readChildren(domainPath(domid), IDENTITY),
    reader.readChildren(`${TOOLSTACK}/${domid}`, [TYPE]),
  ]);
  const uuid = UUID_PATH.exec(vm ?? '')?.[1]?.toLowerCase();
  const [targetId] = parseDomid(target ?? '');
  return {
    domid,
    name: name === undefined || name === '' ? `domain ${domid}` : name.slice(0, NAME_MAX),
    ...(uuid === undefined ? {} : { uuid }),
    ...(type === 'pv' || type === 'hvm' || type === 'pvh' ? { type } : {}),
    ...(targetId === undefined ? {} : { target: targetId }),
  };
}

const UUID_PATH = /^\/vm\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;
/** Characters of a name that are kept. */
const NAME_MAX = 256;

const MARK: PartKind<Address, PciMark> = {
  pathsOf: address => [markPath(address)],
  async make(reader, address) {
    const [domid, path] = await reader.readChildren(markPath(address), ['domid', 'driver_path']);
    return parseMark(domid, path);
  },
};

const markedIn = lookup((names: string[]): readonly Address[] => names.flatMap(name => parseMarkName(name) ?? []));

function markPath(address: Address): string {
  return `${MARKS}/${address.replaceAll(/[:.]/g, '-')}`;
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
  try {
    return await reader.directory(path);
  } catch (error) {
    if (error instanceof XenstoreError && error.code === 'ENOENT') return NOTHING;
    throw error;
  }
}

/** One list for all that are empty, since what is made of a list is kept with it. */
const NOTHING: string[] = [];
