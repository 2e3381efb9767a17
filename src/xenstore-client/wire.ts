import { isUtf8 } from 'node:buffer';

/**
 * The xenstore wire format: one 16-byte header and a payload per message, the same in both directions.
 * Source: Xen's `xen/include/public/io/xs_wire.h` and `docs/misc/xenstore.txt`. This file serves clients and servers.
 */

/** Message types: `enum xsd_sockmsg_type` in `xs_wire.h`. */
export const MessageType = {
  Control: 0,
  Directory: 1,
  Read: 2,
  GetPermissions: 3,
  Watch: 4,
  Unwatch: 5,
  TransactionStart: 6,
  TransactionEnd: 7,
  Introduce: 8,
  Release: 9,
  GetDomainPath: 10,
  Write: 11,
  Mkdir: 12,
  Remove: 13,
  SetPermissions: 14,
  WatchEvent: 15,
  Error: 16,
  IsDomainIntroduced: 17,
  Resume: 18,
  SetTarget: 19,
  ResetWatches: 21,
  DirectoryPart: 22,
} as const;

/** Bytes in a header: four 32-bit integers (`struct xsd_sockmsg`). */
export const HEADER_BYTES = 16;

/** Most payload bytes in a request (`XENSTORE_PAYLOAD_MAX`); xenstored drops a client that sends more. */
export const MAX_PAYLOAD_BYTES = 4096;

/**
 * Most payload bytes accepted in a reply unless told otherwise. The specification says 4096 both ways, but oxenstored
 * answers a large DIRECTORY in one piece.
 */
export const MAX_REPLY_BYTES: number = 1024 * 1024;

/** One message, decoded. Integers are unsigned 32-bit. */
export interface Frame {
  /** One of {@link MessageType}, or a number from a peer that knows more types. */
  readonly type: number;
  /** Chosen by the client; a reply carries its request's. Undefined in watch events that come through the kernel. */
  readonly requestId: number;
  /** 0 outside transactions. */
  readonly transactionId: number;
  readonly payload: Buffer;
}

/**
 * Lays out a message for sending. It sets no limit on the payload: a server may have to answer like oxenstored does.
 * The byte order is little-endian, that of every architecture Xen runs on today.
 * @throws RangeError when a number does not fit in 32 bits
 */
export function encodeFrame(frame: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + frame.payload.length);
  bytes.writeUInt32LE(frame.type, 0);
  bytes.writeUInt32LE(frame.requestId, 4);
  bytes.writeUInt32LE(frame.transactionId, 8);
  bytes.writeUInt32LE(frame.payload.length, 12);
  frame.payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

/**
 * Joins strings into a payload, each followed by a NUL, as in `<path>|<token>|` of the specification.
 * Strings are encoded as UTF-8; that they hold no NUL is the caller's duty.
 */
export function encodeStrings(...strings: readonly string[]): Buffer {
  return Buffer.from(strings.length === 0 ? '' : `${strings.join('\0')}\0`);
}

/**
 * Splits a payload of NUL-terminated strings: the reverse of {@link encodeStrings}. An empty payload holds no string.
 * Returns undefined when the last string has no NUL, or when they are not UTF-8: read with replacements, a name would be
 * that of another node.
 */
export function decodeStrings(payload: Buffer): string[] | undefined {
  if (payload.length === 0) return [];
  if (payload[payload.length - 1] !== 0 || !isUtf8(payload)) return undefined;
  return payload.toString('utf8', 0, payload.length - 1).split('\0');
}
