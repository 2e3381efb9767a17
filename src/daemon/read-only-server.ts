import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { printableJson } from './printable-json.ts';
import { endSlow } from './slow-connections.ts';

/** Connections at the same time; of further ones the kernel is told to hang up. */
const CONNECTIONS_MAX = 64;
const HEADER_BYTES_MAX = 8 * 1024;
const REQUEST_MS = 5_000;
/** The longest interval that a timer takes. */
const NEVER_MS = 2 ** 31 - 1;
/** A connection on which nothing moves for this long is closed, also when it is the reader who does not read. */
const IDLE_MS = 30_000;

/** What is answered: a text of some type, or nothing when the handler answers by itself. */
export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly text: string;
  /** Beside those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that was understood: its path in decoded parts, and what stands behind the question mark. */
export interface Request {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly message: IncomingMessage;
}

/** Answers a request, or takes the response and returns nothing. */
export type Handler = (request: Request, response: ServerResponse) => Answer | undefined | Promise<Answer | undefined>;

/**
 * A server that only reads are asked of: GET and HEAD, without a body, in little time. It listens to nothing yet.
 * @param onError told of a handler that failed, which is a defect; whoever asked is told only that.
 * @param requestMs how long a connection may take to ask, or to ask again.
 */
export function readOnlyServer(
  handle: Handler,
  onError: (error: unknown) => void,
  requestMs: number = REQUEST_MS,
): Server {
  // Node would look for slow requests at intervals, and wake the process for it while nobody is there.
  const slow = { headersTimeout: 0, requestTimeout: 0, connectionsCheckingInterval: NEVER_MS };
  const server = createServer({ ...slow, maxHeaderSize: HEADER_BYTES_MAX, keepAliveTimeout: requestMs });
  endSlow(server, requestMs);
  server.maxConnections = CONNECTIONS_MAX;
  server.maxHeadersCount = 64;
  server.setTimeout(IDLE_MS);
  const serve = (message: IncomingMessage, response: ServerResponse): void => {
    void respond(handle, message, response).catch((error: unknown) => {
      onError(error);
      if (response.headersSent) response.destroy();
      else send(message, response, failure(500, 'InternalError', 'xenpci failed to answer; its log says more'));
    });
  };
  server.on('request', serve);
  // Who asks whether to send a body (`Expect: 100-continue`) is not told to go on: Node would do that.
  server.on('checkContinue', serve);
  return server;
}

/**
 * Lets a server listen on this machine's loopback address.
 * @param port 0 for any that is free.
 * @returns the port.
 * @throws the error of listen(2).
 */
export async function listenOnLoopback(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Ends a server and all its connections. */
export async function closed(server: Server): Promise<void> {
  const ended = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await ended;
}

async function respond(handle: Handler, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = understood(message);
  const answer = 'code' in request ? request : await handle(request, response);
  if (answer !== undefined) send(message, response, answer);
}

function understood(message: IncomingMessage): Request | Answer {
  const { method, headers, url = '' } = message;
  if (method !== 'GET' && method !== 'HEAD') {
    return failure(405, 'MethodNotAllowed', 'everything here is read with GET; what changes the host is a command');
  }
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') {
    return failure(413, 'RequestEntityTooLarge', 'no request has a body here');
  }
  try {
    const { pathname, searchParams } = new URL(url, 'http://xenpci');
    const path = pathname
      .split('/')
      .filter(part => part !== '')
      .map(decodeURIComponent);
    return { path, query: searchParams, message };
  } catch {
    return failure(400, 'BadRequest', 'the address of the request cannot be understood');
  }
}

/** An object as JSON that a terminal cannot take for orders. */
export function json(code: number, object: unknown): Answer {
  return { code, type: 'application/json; charset=utf-8', text: printableJson(`${JSON.stringify(object)}\n`) };
}

/** An error in the shape that Kubernetes has for it. */
export function failure(code: number, reason: string, message: string): Answer {
  return json(code, { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message });
}

function send(message: IncomingMessage, response: ServerResponse, { code, type, text, headers }: Answer): void {
  // What an unwanted body holds is not read, so the connection cannot be used again.
  const close = code === 405 || code === 413 ? { connection: 'close' } : {};
  response.writeHead(code, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(code === 405 ? { allow: 'GET, HEAD' } : {}),
    ...close,
    ...headers,
  });
  response.end(message.method === 'HEAD' ? '' : text);
}
