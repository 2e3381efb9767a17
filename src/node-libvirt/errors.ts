/**
 * The error codes this client or its callers act on (libvirt include/libvirt/virterror.h, virErrorNumber).
 * Any other number may come in `LibvirtError.code`.
 */
export const ErrorCode = {
  internalError: 1,
  noSupport: 3,
  noConnect: 5,
  invalidArgument: 8,
  operationFailed: 9,
  xmlError: 27,
  domainExists: 28,
  operationDenied: 29,
  xmlDetail: 35,
  rpc: 39,
  noDomain: 42,
  authFailed: 45,
  noNodeDevice: 53,
  operationInvalid: 55,
  configUnsupported: 67,
  operationTimeout: 68,
  hookScriptFailed: 70,
  argumentUnsupported: 74,
  noDomainMetadata: 80,
  operationUnsupported: 84,
} as const;

/** Which part of libvirt raised an error (virterror.h, virErrorDomain); other numbers occur too. */
export const ErrorDomain = {
  none: 0,
  xen: 1,
  dom: 6,
  rpc: 7,
  test: 12,
  remote: 13,
  domain: 20,
  nodeDevice: 22,
  hook: 34,
  libxl: 41,
} as const;

/** The error struct as it travels (src/rpc/virnetprotocol.x, virNetMessageError), without its two unused members. */
export interface ErrorDetails {
  readonly code: number;
  readonly domain: number;
  readonly message: string | null;
  /** 1 is a warning, 2 an error. */
  readonly level: number;
  readonly str1: string | null;
  readonly str2: string | null;
  readonly str3: string | null;
  readonly int1: number;
  readonly int2: number;
}

/** libvirt was asked and said no. */
export class LibvirtError extends Error {
  override readonly name: string = 'LibvirtError';
  /** One of `ErrorCode`, or a code not named there. */
  readonly code: number;
  /** One of `ErrorDomain`, or a part of libvirt not named there. */
  readonly domain: number;
  readonly level: number;
  readonly str1: string | null;
  readonly str2: string | null;
  readonly str3: string | null;
  readonly int1: number;
  readonly int2: number;
  /** The procedure that was called, as in `procedures`. */
  readonly procedure: string;

  constructor(procedure: string, details: ErrorDetails) {
    super(details.message ?? `libvirt error ${details.code}`);
    this.code = details.code;
    this.domain = details.domain;
    this.level = details.level;
    this.str1 = details.str1;
    this.str2 = details.str2;
    this.str3 = details.str3;
    this.int1 = details.int1;
    this.int2 = details.int2;
    this.procedure = procedure;
  }
}

/** Whether `error` is libvirt's answer with exactly this code. */
export function isLibvirtError(error: unknown, code: number): error is LibvirtError {
  return error instanceof LibvirtError && error.code === code;
}

/** The connection could not be made, broke, or was closed. A call that was under way may or may not have been done. */
export class ConnectionLostError extends Error {
  override readonly name: string = 'ConnectionLostError';
}

/** The daemon wants a login that this client does not offer: it must run as root, or the socket must not ask. */
export class AuthenticationError extends Error {
  override readonly name: string = 'AuthenticationError';
}

/** A call's deadline passed. It may still be carried out; its late reply is ignored. */
export class DeadlineError extends Error {
  override readonly name: string = 'DeadlineError';
}

/** Too many calls are waiting already; nothing was sent. */
export class QueueFullError extends Error {
  override readonly name: string = 'QueueFullError';
}

/** The other side broke the protocol. */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError';
}
