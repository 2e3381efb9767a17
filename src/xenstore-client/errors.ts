/**
 * The ways in which a request can fail. Each is a class of its own, so that `instanceof` tells what is known about the
 * store afterwards: after {@link XenstoreError} and {@link InvalidRequestError} nothing was changed; after
 * {@link ConnectionLostError} and {@link DeadlineError} the request may or may not have been carried out.
 */

/** What was asked for: for people, and for code that reports several requests at once. */
export interface RequestLabel {
  /** The operation in lower case: `read`, `write`, `directory`, … */
  readonly operation: string;
  /** The path it was about; absent for operations on no path. */
  readonly path?: string | undefined;
}

function describe({ operation, path }: RequestLabel): string {
  return path === undefined ? operation : `${operation} ${JSON.stringify(path)}`;
}

/** xenstored refused a request. Nothing was changed. */
export class XenstoreError extends Error implements RequestLabel {
  override readonly name = 'XenstoreError';
  /** The error's name as xenstored sends it: `ENOENT`, `EACCES`, `EAGAIN`, `E2BIG`, `EINVAL`, `EQUOTA`, … */
  readonly code: string;
  readonly operation: string;
  readonly path: string | undefined;

  constructor(code: string, label: RequestLabel) {
    super(`xenstore: ${describe(label)}: ${code}`);
    this.code = code;
    this.operation = label.operation;
    this.path = label.path;
  }
}

/** A request breaks a rule of the protocol (path, length, characters) and was not sent. */
export class InvalidRequestError extends Error implements RequestLabel {
  override readonly name = 'InvalidRequestError';
  readonly operation: string;
  readonly path: string | undefined;

  constructor(reason: string, label: RequestLabel) {
    super(`xenstore: ${describe(label)}: ${reason}`);
    this.operation = label.operation;
    this.path = label.path;
  }
}

/** The connection ended while a request was under way: whether xenstored carried it out is unknown. `cause` says why. */
export class ConnectionLostError extends Error implements RequestLabel {
  override readonly name = 'ConnectionLostError';
  readonly operation: string;
  readonly path: string | undefined;

  constructor(label: RequestLabel, cause: Error) {
    super(`xenstore: ${describe(label)}: connection lost: ${cause.message}`, { cause });
    this.operation = label.operation;
    this.path = label.path;
  }
}

/** A request got no answer within its time. If it had been sent, xenstored may still carry it out. */
export class DeadlineError extends Error implements RequestLabel {
  override readonly name = 'DeadlineError';
  readonly operation: string;
  readonly path: string | undefined;
  readonly deadlineMs: number;

  constructor(label: RequestLabel, deadlineMs: number) {
    super(`xenstore: ${describe(label)}: no answer within ${deadlineMs} ms`);
    this.operation = label.operation;
    this.path = label.path;
    this.deadlineMs = deadlineMs;
  }
}

/** No transport could be opened. `cause` is the last failure; the message names every path that was tried. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';

  constructor(failures: readonly Error[]) {
    super(`cannot reach xenstored: ${failures.map(failure => failure.message).join('; ')}`, { cause: failures.at(-1) });
  }
}

/** The peer sent something that the protocol does not allow. The connection is closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';

  constructor(reason: string) {
    super(`xenstore protocol violation: ${reason}`);
  }
}

/** More requests are waiting than the client's limit allows; this one was not sent. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';

  constructor(limit: number) {
    super(`xenstore: ${limit} requests are waiting already`);
  }
}

/** The client was closed by its owner. */
export class ClientClosedError extends Error {
  override readonly name = 'ClientClosedError';

  constructor() {
    super('xenstore: the client is closed');
  }
}
