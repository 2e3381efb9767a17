import { ErrorCode, ErrorDomain } from '../../node-libvirt/index.ts';

/** libvirt says no: code and message are what a client reads. */
export class LibvirtRefusal extends Error {
  override readonly name = 'LibvirtRefusal';
  /** virErrorNumber. */
  readonly code: number;
  /** virErrorDomain. */
  readonly domain: number;

  constructor(code: number, message: string, domain: number = ErrorDomain.libxl) {
    super(message);
    this.code = code;
    this.domain = domain;
  }
}

/** libvirt puts a fixed text for the code before the particular one. */
export function internalError(text: string): LibvirtRefusal {
  return new LibvirtRefusal(ErrorCode.internalError, `internal error: ${text}`);
}

export function operationFailed(text: string): LibvirtRefusal {
  return new LibvirtRefusal(ErrorCode.operationFailed, `operation failed: ${text}`);
}

export function operationInvalid(text: string): LibvirtRefusal {
  return new LibvirtRefusal(ErrorCode.operationInvalid, `Requested operation is not valid: ${text}`);
}

/** @param who the name or UUID that was asked for. */
export function noDomain(who: string): LibvirtRefusal {
  return new LibvirtRefusal(ErrorCode.noDomain, `Domain not found: no domain with matching ${who}`);
}
