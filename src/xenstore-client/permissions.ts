import { InvalidRequestError, ProtocolError } from './errors.ts';

/** What a domain may do with a node. */
export type Access = 'none' | 'read' | 'write' | 'both';

/**
 * One entry of a node's permissions. The first entry is special: its domain owns the node and may do everything, and
 * its access holds for every domain that has no entry of its own.
 */
export interface Permission {
  /** Domain id, 0 to 65535. */
  readonly domid: number;
  readonly access: Access;
}

const LETTERS = { none: 'n', read: 'r', write: 'w', both: 'b' } as const satisfies Record<Access, string>;
const ACCESSES: ReadonlyMap<string, Access> = new Map([
  ['n', 'none'],
  ['r', 'read'],
  ['w', 'write'],
  ['b', 'both'],
]);

/** Checks a domain id before it is sent. @throws InvalidRequestError unless it is an integer from 0 to 65535 */
export function checkDomid(domid: number, operation: string, path?: string): void {
  if (Number.isInteger(domid) && domid >= 0 && domid <= 0xffff) return;
  throw new InvalidRequestError(`${domid} is not a domain id (0 to 65535)`, { operation, path });
}

/** Writes a permission as the protocol does: a letter and the domain id, `r7`. */
export function formatPermission(permission: Permission): string {
  return `${LETTERS[permission.access]}${permission.domid}`;
}

/** Reads what {@link formatPermission} writes. @throws ProtocolError when it is anything else */
export function parsePermission(text: string): Permission {
  const access = ACCESSES.get(text.slice(0, 1));
  if (access === undefined || !/^[nrwb][0-9]{1,5}$/.test(text)) {
    throw new ProtocolError(`${JSON.stringify(text.slice(0, 40))} is not a permission`);
  }
  return { domid: Number(text.slice(1)), access };
}
