import { type Codec, encodeBody, int32 } from './codec.ts';
import type { ErrorDetails } from './errors.ts';
import { encodeFrame, type FrameHeader, MessageStatus, MessageType, PROTOCOL_VERSION, Program } from './frame.ts';
import type { Procedure } from './procedures.ts';
import { errorDetails, type WireLifecycleEvent, wireLifecycleEvent } from './types.ts';

/** virDrvFeature (libvirt src/libvirt_internal.h). keepalive must be asked before connectOpen, the others after it. */
export const Feature = { keepalive: 10, eventCallback: 14, closeCallback: 15 } as const;

/** virkeepaliveprotocol.x. */
export const KeepaliveProcedure = { ping: 1, pong: 2 } as const;

/** A message that the daemon sends unasked. */
export interface EventMessage<T> {
  readonly number: number;
  readonly body: Codec<T>;
}

/** REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE. */
export const lifecycleEvent: EventMessage<WireLifecycleEvent> = { number: 318, body: wireLifecycleEvent };
/** REMOTE_PROC_CONNECT_EVENT_CONNECTION_CLOSED: the daemon lost its hypervisor. Its body is a virConnectCloseReason. */
export const connectionClosedEvent: EventMessage<number> = { number: 362, body: int32 };

const header = (procedure: number, type: number, serial: number, status: number): FrameHeader => ({
  program: Program.remote,
  version: PROTOCOL_VERSION,
  procedure,
  type,
  serial,
  status,
});

/** Client to server. Throws XdrError on arguments that cannot be sent. */
export function encodeCall<Args>(procedure: Procedure<Args, unknown>, serial: number, args: Args): Buffer {
  const body = encodeBody(procedure.args, args);
  return encodeFrame(header(procedure.number, MessageType.call, serial, MessageStatus.ok), body);
}

/** Server to client: the result of the call with this serial. */
export function encodeReply<Result>(procedure: Procedure<unknown, Result>, serial: number, result: Result): Buffer {
  const body = encodeBody(procedure.result, result);
  return encodeFrame(header(procedure.number, MessageType.reply, serial, MessageStatus.ok), body);
}

/** Server to client: the call with this procedure number and serial failed. */
export function encodeErrorReply(procedureNumber: number, serial: number, details: ErrorDetails): Buffer {
  const body = encodeBody(errorDetails, details);
  return encodeFrame(header(procedureNumber, MessageType.reply, serial, MessageStatus.error), body);
}

/** Server to client: an event. */
export function encodeEvent<T>(event: EventMessage<T>, value: T): Buffer {
  return encodeFrame(header(event.number, MessageType.message, 0, MessageStatus.ok), encodeBody(event.body, value));
}

/** Either direction: are you alive (ping), or I am (pong). */
export function encodeKeepalive(kind: keyof typeof KeepaliveProcedure): Buffer {
  const keepalive: FrameHeader = {
    ...header(KeepaliveProcedure[kind], MessageType.message, 0, MessageStatus.ok),
    program: Program.keepalive,
  };
  return encodeFrame(keepalive, Buffer.alloc(0));
}
