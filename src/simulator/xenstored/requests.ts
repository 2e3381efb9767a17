import { MAX_PAYLOAD_BYTES, MessageType, ProtocolError, parsePermission } from '../../xenstore-client/index.ts';
import type { Dom0 } from '../model/dom0.ts';
import { parentPath, type Store } from '../model/store.ts';
import type { Transaction } from './transaction.ts';

/** An answer by error name, as xenstored sends it. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** What a request works on: the store itself, or a transaction's view of it. */
export class Access {
  readonly #store: Store;
  readonly #transaction: Transaction | undefined;

  constructor(store: Store, transaction: Transaction | undefined) {
    this.#store = store;
    this.#transaction = transaction;
  }

  /** @throws {Refused} ENOENT */
  node(path: string): NonNullable<ReturnType<Store['find']>> {
    this.#transaction?.touch(path);
    const node = (this.#transaction?.view ?? this.#store).find(path);
    if (node === undefined) throw new Refused('ENOENT');
    return node;
  }

  has(path: string): boolean {
    this.#transaction?.touch(path);
    return (this.#transaction?.view ?? this.#store).find(path) !== undefined;
  }

  change(path: string, change: (store: Store) => void): void {
    if (this.#transaction === undefined) change(this.#store);
    else this.#transaction.change(path, change);
  }
}

/** A request that only reads or changes nodes: takes its payload, returns the answer's. */
export type NodeRequest = (access: Access, payload: Buffer, dom0: Dom0) => Buffer;

const OK: Buffer = Buffer.from('OK\0');

/** The requests on nodes, by message type (Xen docs/misc/xenstore.txt). */
export const NODE_REQUESTS: ReadonlyMap<number, NodeRequest> = new Map<number, NodeRequest>([
  [MessageType.Read, (access, payload) => Buffer.from(access.node(onlyPath(payload)).value, 'latin1')],
  [MessageType.Directory, directory],
  [MessageType.DirectoryPart, directoryPart],
  [MessageType.Write, write],
  [MessageType.Mkdir, mkdir],
  [MessageType.Remove, remove],
  [MessageType.GetPermissions, (access, payload) => strings(...access.node(onlyPath(payload)).permissions)],
  [MessageType.SetPermissions, setPermissions],
  [MessageType.GetDomainPath, (_access, payload) => strings(`/local/domain/${domidIn(payload)}`)],
  [
    MessageType.IsDomainIntroduced,
    (_access, payload, dom0) => strings(isIntroduced(dom0, domidIn(payload)) ? 'T' : 'F'),
  ],
]);

/** Strings as they travel: each with a NUL after it. */
export function strings(...texts: readonly string[]): Buffer {
  return Buffer.from(texts.map(text => `${text}\0`).join(''), 'latin1');
}

/** The strings of a payload. @throws {Refused} EINVAL when there are fewer than expected. */
export function fields(payload: Buffer, expected: number): string[] {
  const texts = payload.toString('latin1').split('\0');
  texts.pop();
  if (texts.length < expected) throw new Refused('EINVAL');
  return texts;
}

const NODE_PATH = /^(?:\/|(?:\/[A-Za-z0-9@_-]+)+)$/;
const ABSOLUTE_MAX = 3072;

/** A node's path as a client sent it, made absolute: dom0's own are below its home. @throws {Refused} EINVAL */
export function nodePath(text: string): string {
  const path = text.startsWith('/') ? text : `/local/domain/0/${text}`;
  if (path.length > ABSOLUTE_MAX || text.startsWith('@') || !NODE_PATH.test(path)) throw new Refused('EINVAL');
  return path;
}

function onlyPath(payload: Buffer): string {
  const [path = ''] = fields(payload, 1);
  return nodePath(path);
}

function directory(access: Access, payload: Buffer): Buffer {
  const names = strings(...access.node(onlyPath(payload)).children.keys());
  // xenstored refuses what does not fit in one message; oxenstored would send it.
  if (names.length > MAX_PAYLOAD_BYTES) throw new Refused('E2BIG');
  return names;
}

function directoryPart(access: Access, payload: Buffer): Buffer {
  const [path = '', offsetText = ''] = fields(payload, 2);
  const node = access.node(nodePath(path));
  if (!/^\d{1,9}$/.test(offsetText)) throw new Refused('EINVAL');
  const all = strings(...node.children.keys());
  const offset = Number(offsetText);
  const heading = strings(String(node.generation));
  const room = MAX_PAYLOAD_BYTES - heading.length - 1;
  if (all.length - offset <= room) return Buffer.concat([heading, all.subarray(offset), Buffer.alloc(1)]);
  const end = all.lastIndexOf(0, offset + room - 1) + 1;
  return Buffer.concat([heading, all.subarray(offset, end)]);
}

function write(access: Access, payload: Buffer): Buffer {
  const end = payload.indexOf(0);
  if (end === -1) throw new Refused('EINVAL');
  const path = nodePath(payload.toString('latin1', 0, end));
  const value = payload.toString('latin1', end + 1);
  access.change(path, store => store.write(path, value));
  return OK;
}

function mkdir(access: Access, payload: Buffer): Buffer {
  const path = onlyPath(payload);
  if (!access.has(path)) access.change(path, store => store.mkdir(path));
  return OK;
}

function remove(access: Access, payload: Buffer): Buffer {
  const path = onlyPath(payload);
  if (path === '/') throw new Refused('EINVAL');
  if (access.has(path)) access.change(path, store => void store.remove(path));
  // What is not there is removed, as long as its parent is there.
  else access.node(parentPath(path));
  return OK;
}

function setPermissions(access: Access, payload: Buffer): Buffer {
  const [text = '', ...permissions] = fields(payload, 2);
  const path = nodePath(text);
  for (const permission of permissions) checkPermission(permission);
  access.node(path);
  access.change(path, store => void store.setPermissions(path, permissions));
  return OK;
}

function checkPermission(text: string): void {
  try {
    parsePermission(text);
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refused('EINVAL');
    throw error;
  }
}

function domidIn(payload: Buffer): number {
  const [text = ''] = fields(payload, 1);
  if (!/^\d{1,5}$/.test(text)) throw new Refused('EINVAL');
  return Number(text);
}

function isIntroduced(dom0: Dom0, domid: number): boolean {
  return domid === 0 || dom0.byDomid(domid) !== undefined;
}
