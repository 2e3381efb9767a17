import type { Request } from './call.ts';
import { InvalidRequestError, ProtocolError } from './errors.ts';
import { checkPath, checkPathOrEvent } from './path.ts';
import { checkDomid, formatPermission, type Permission, parsePermission } from './permissions.ts';
import { decodeStrings, encodeStrings, MAX_PAYLOAD_BYTES, MessageType } from './wire.ts';

/**
 * The requests of the protocol, one function each: checked arguments in, payload and decoder out.
 * Source of the formats: Xen's `docs/misc/xenstore.txt`. Each throws InvalidRequestError for what may not be sent.
 */

/** What a request is about, before its payload. */
interface Kind {
  readonly operation: string;
  readonly type: number;
  readonly path?: string;
  readonly transactionId?: number;
}

/** Puts a request together. @throws InvalidRequestError when the payload is over 4096 bytes */
export function request<T>(kind: Kind, payload: Buffer, decode: (payload: Buffer) => T): Request<T> {
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new InvalidRequestError(`${payload.length} bytes of payload; at most ${MAX_PAYLOAD_BYTES} are allowed`, kind);
  }
  return { transactionId: 0, ...kind, payload, decode };
}

const nothing = (): void => {};

/** READ `<path>|` answers `<value|>`. */
export function readRequest(path: string, transactionId: number): Request<Buffer> {
  checkPath(path, 'read');
  const kind = { operation: 'read', type: MessageType.Read, path, transactionId };
  return request(kind, encodeStrings(path), copied);
}

/** The same for a value that is text: see {@link Store.read}. Many of them may wait, so that each holds its path alone. */
export class ReadTextRequest implements Request<string> {
  readonly operation = 'read';
  readonly type: number = MessageType.Read;
  readonly path: string;
  readonly transactionId: number;

  constructor(path: string, transactionId: number) {
    checkPath(path, 'read');
    this.path = path;
    this.transactionId = transactionId;
  }

  get payload(): Buffer {
    return encodeStrings(this.path);
  }

  decode(payload: Buffer): string {
    return payload.toString();
  }
}

/** A payload for whoever asked, to keep: it shares memory with nothing. */
export function copied(payload: Buffer): Buffer {
  return Buffer.from(payload);
}

/** WRITE `<path>|<value|>`: the value has no NUL after it. */
export function writeRequest(path: string, value: string | Uint8Array, transactionId: number): Request<void> {
  checkPath(path, 'write');
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  const kind = { operation: 'write', type: MessageType.Write, path, transactionId };
  return request(kind, Buffer.concat([encodeStrings(path), bytes]), nothing);
}

/** MKDIR `<path>|`. */
export function mkdirRequest(path: string, transactionId: number): Request<void> {
  checkPath(path, 'mkdir');
  return request({ operation: 'mkdir', type: MessageType.Mkdir, path, transactionId }, encodeStrings(path), nothing);
}

/** RM `<path>|`. */
export function removeRequest(path: string, transactionId: number): Request<void> {
  checkPath(path, 'rm');
  return request({ operation: 'rm', type: MessageType.Remove, path, transactionId }, encodeStrings(path), nothing);
}

/** DIRECTORY `<path>|` answers `<child-leaf-name>|*`. */
export function directoryRequest(path: string, transactionId: number): Request<string[]> {
  checkPath(path, 'directory');
  const kind = { operation: 'directory', type: MessageType.Directory, path, transactionId };
  return request(kind, encodeStrings(path), payload => strings(payload, 'DIRECTORY'));
}

/** A piece of a large directory, as DIRECTORY_PART answers it. */
export interface DirectoryPart {
  /** Changes whenever the node does: pieces of different generations do not fit together. */
  readonly generation: string;
  readonly names: readonly string[];
  /** Bytes that the names take in the whole list: the next piece's offset is that much further. */
  readonly bytes: number;
  readonly last: boolean;
}

/** DIRECTORY_PART `<path>|<offset>|` answers `<gencnt>|<child-leaf-name>|*`, and one more NUL after the last name. */
export function directoryPartRequest(path: string, offset: number, transactionId: number): Request<DirectoryPart> {
  checkPath(path, 'directory');
  const kind = { operation: 'directory', type: MessageType.DirectoryPart, path, transactionId };
  return request(kind, encodeStrings(path, String(offset)), payload => {
    const [generation, ...names] = strings(payload, 'DIRECTORY_PART');
    if (generation === undefined) throw new ProtocolError('DIRECTORY_PART answered nothing');
    const last = names.at(-1) === '';
    if (last) names.pop();
    const bytes = payload.length - generation.length - 1 - (last ? 1 : 0);
    if (names.includes('')) throw new ProtocolError('DIRECTORY_PART answered an empty name');
    if (!last && bytes === 0) throw new ProtocolError('DIRECTORY_PART answered neither a name nor the end');
    return { generation, names, bytes, last };
  });
}

/** GET_PERMS `<path>|` answers `<perm-as-string>|+`. */
export function getPermissionsRequest(path: string, transactionId: number): Request<Permission[]> {
  checkPathOrEvent(path, 'getPermissions');
  const kind = { operation: 'getPermissions', type: MessageType.GetPermissions, path, transactionId };
  return request(kind, encodeStrings(path), payload => strings(payload, 'GET_PERMS').map(parsePermission));
}

/** SET_PERMS `<path>|<perm-as-string>|+`. */
export function setPermissionsRequest(
  path: string,
  permissions: readonly Permission[],
  transactionId: number,
): Request<void> {
  const operation = 'setPermissions';
  checkPathOrEvent(path, operation);
  if (permissions.length === 0) throw new InvalidRequestError('a node needs at least its owner', { operation, path });
  for (const { domid } of permissions) checkDomid(domid, operation, path);
  const kind = { operation, type: MessageType.SetPermissions, path, transactionId };
  return request(kind, encodeStrings(path, ...permissions.map(formatPermission)), nothing);
}

/** GET_DOMAIN_PATH `<domid>|` answers `<path>|`. */
export function domainPathRequest(domid: number): Request<string> {
  const operation = 'getDomainPath';
  checkDomid(domid, operation);
  return request({ operation, type: MessageType.GetDomainPath }, encodeStrings(String(domid)), payload =>
    single(payload, 'GET_DOMAIN_PATH'),
  );
}

/** IS_DOMAIN_INTRODUCED `<domid>|` answers `T|` or `F|`. */
export function isIntroducedRequest(domid: number): Request<boolean> {
  const operation = 'isDomainIntroduced';
  checkDomid(domid, operation);
  return request({ operation, type: MessageType.IsDomainIntroduced }, encodeStrings(String(domid)), payload => {
    const answer = single(payload, 'IS_DOMAIN_INTRODUCED');
    if (answer !== 'T' && answer !== 'F') throw new ProtocolError('IS_DOMAIN_INTRODUCED answered neither T nor F');
    return answer === 'T';
  });
}

function strings(payload: Buffer, what: string): string[] {
  const found = decodeStrings(payload);
  if (!found) throw new ProtocolError(`an answer to ${what} is no list of terminated UTF-8 strings`);
  return found;
}

function single(payload: Buffer, what: string): string {
  const [only, ...more] = strings(payload, what);
  if (only === undefined || more.length > 0) throw new ProtocolError(`${what} answered ${more.length + 1} strings`);
  return only;
}
