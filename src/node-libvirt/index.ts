export type { CallOptions } from './call.ts';
export { type Affects, LibvirtClient } from './client.ts';
export { type Codec, decodeBody, encodeBody, STRING_MAX } from './codec.ts';
export {
  AuthenticationError,
  ConnectionLostError,
  DeadlineError,
  ErrorCode,
  type ErrorDetails,
  ErrorDomain,
  isLibvirtError,
  LibvirtError,
  ProtocolError,
  QueueFullError,
} from './errors.ts';
export {
  encodeFrame,
  FRAME_MAX,
  type Frame,
  type FrameHeader,
  FrameParser,
  MessageStatus,
  MessageType,
  PROTOCOL_VERSION,
  Program,
} from './frame.ts';
export type { KeepaliveOptions } from './keepalive.ts';
export {
  connectionClosedEvent,
  type EventMessage,
  encodeCall,
  encodeErrorReply,
  encodeEvent,
  encodeKeepalive,
  encodeReply,
  Feature,
  KeepaliveProcedure,
  lifecycleEvent,
} from './messages.ts';
export type { LibvirtClientOptions } from './options.ts';
export type { Procedure } from './procedures.ts';
export * as procedures from './procedures.ts';
export {
  type DomainRef,
  type DomainStateName,
  domainStates,
  errorDetails,
  type LifecycleEventName,
  lifecycleEvents,
  type WireDomainState,
  type WireLifecycleEvent,
} from './types.ts';
export type { DomainState, LifecycleEvent, Version } from './values.ts';
export { XdrError } from './xdr.ts';
