import { connect, type Socket } from 'node:net';
import { type CallOptions, prepareCall } from './call.ts';
import { decodeBody } from './codec.ts';
import { Connection } from './connection.ts';
import { AuthenticationError, ConnectionLostError, DeadlineError } from './errors.ts';
import type { KeepaliveOptions } from './keepalive.ts';
import { connectionClosedEvent, Feature, lifecycleEvent } from './messages.ts';
import * as procedures from './procedures.ts';
import type { WireLifecycleEvent } from './types.ts';

/** What to open and how. */
export interface SessionOptions {
  readonly socketPath: string;
  readonly uri: string;
  readonly readOnly: boolean;
  /** Calls in flight. */
  readonly window: number;
  /** Milliseconds for connecting and for each call that opening takes. */
  readonly openDeadlineMs: number;
  /** `none`: neither side pings. */
  readonly keepalive: KeepaliveOptions | 'none';
  /** Whether to subscribe to domain lifecycle events. */
  readonly events: boolean;
}

export interface SessionListener {
  lifecycle(event: WireLifecycleEvent): void;
  room(): void;
  closed(error: Error): void;
}

const AUTH_NONE = 0;
const OPEN_READ_ONLY = 1;
const EVENT_LIFECYCLE = 0;

/**
 * Connects, logs in, opens the hypervisor and subscribes. Rejects with ConnectionLostError, AuthenticationError,
 * DeadlineError, LibvirtError (the daemon has no such hypervisor) or the signal's reason; nothing is left open then.
 * The signal also ends the connection later.
 */
export async function openSession(
  options: SessionOptions,
  signal: AbortSignal,
  listener: SessionListener,
): Promise<Connection> {
  const limits = { deadlineMs: options.openDeadlineMs, signal };
  const socket = await dial(options.socketPath, limits);
  const connection: Connection = new Connection(socket, options.window, {
    event: (number, body) => receiveEvent(connection, listener, number, body),
    room: () => listener.room(),
    closed: error => {
      signal.removeEventListener('abort', abort);
      listener.closed(error);
    },
  });
  const abort = (): void => connection.close(reasonOf(signal));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await introduce(connection, options, limits);
    return connection;
  } catch (error) {
    connection.close(new ConnectionLostError('the libvirt connection was not opened', { cause: error }));
    throw error;
  }
}

/** Order matters: keepalive can be agreed on only before, other features only after the hypervisor is open. */
async function introduce(
  connection: Connection,
  options: SessionOptions,
  limits: Required<CallOptions>,
): Promise<void> {
  const ask = <Args, Result>(procedure: procedures.Procedure<Args, Result>, args: Args): Promise<Result> => {
    const call = prepareCall(procedure, args, limits);
    connection.send(call);
    return call.promise;
  };
  const logins = await ask(procedures.authList, undefined);
  if (!logins.includes(AUTH_NONE))
    throw new AuthenticationError(
      `libvirt wants a login (types ${logins.join(', ')}), which this client does not offer`,
    );
  // Asking is what makes the daemon ping, too.
  if (options.keepalive !== 'none' && (await ask(procedures.connectSupportsFeature, Feature.keepalive)) !== 0)
    connection.startKeepalive(options.keepalive);
  await ask(procedures.connectOpen, { uri: options.uri, flags: options.readOnly ? OPEN_READ_ONLY : 0 });
  if (!options.events) return;
  await ask(procedures.domainEventRegister, { eventId: EVENT_LIFECYCLE, domain: null });
  if ((await ask(procedures.connectSupportsFeature, Feature.closeCallback)) !== 0)
    await ask(procedures.connectRegisterCloseCallback, undefined);
}

function receiveEvent(connection: Connection, listener: SessionListener, number: number, body: Buffer): void {
  if (number === lifecycleEvent.number) listener.lifecycle(decodeBody(lifecycleEvent.body, body));
  if (number !== connectionClosedEvent.number) return;
  const reason = decodeBody(connectionClosedEvent.body, body);
  connection.close(new ConnectionLostError(`libvirt lost its hypervisor (reason ${reason})`));
}

function dial(socketPath: string, { deadlineMs, signal }: Required<CallOptions>): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const ready = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('connect', ready).off('error', fail);
    };
    const fail = (cause: Error): void => {
      ready();
      socket.destroy();
      reject(new ConnectionLostError(`cannot reach libvirt at ${socketPath}: ${cause.message}`, { cause }));
    };
    const abort = (): void => fail(reasonOf(signal));
    const timer = setTimeout(() => fail(new DeadlineError(`no connection within ${deadlineMs} ms`)), deadlineMs);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      ready();
      resolve(socket);
    });
  });
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}
