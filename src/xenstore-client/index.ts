/**
 * A client of xenstored, the small database through which Xen's domains, toolstacks and backends tell each other their
 * state. It speaks the wire protocol itself, over xenstored's socket or the kernel's device, and depends on Node alone.
 */

export type { RequestOptions } from './call.ts';
export { type Watch, XenstoreClient, type XenstoreClientOptions } from './client.ts';
export {
  ClientClosedError,
  ConnectError,
  ConnectionLostError,
  DeadlineError,
  InvalidRequestError,
  ProtocolError,
  QueueFullError,
  type RequestLabel,
  XenstoreError,
} from './errors.ts';
export { FrameParser } from './frame-parser.ts';
export { DEFAULT_DEVICE_PATH, DEFAULT_SOCKET_PATH } from './open-transport.ts';
export { checkPath, checkPathOrEvent, MAX_ABSOLUTE_PATH_BYTES, MAX_RELATIVE_PATH_BYTES } from './path.ts';
export { type Access, formatPermission, type Permission, parsePermission } from './permissions.ts';
export type { Backoff } from './session.ts';
export type { Store } from './store.ts';
export type { Transaction, TransactionOptions } from './transaction.ts';
export type { OpenTransport, Transport, TransportEvents } from './transport.ts';
export type { WatchEvent, WatchListener } from './watches.ts';
export {
  decodeStrings,
  encodeFrame,
  encodeStrings,
  type Frame,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_REPLY_BYTES,
  MessageType,
} from './wire.ts';
