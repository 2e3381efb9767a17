import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../message-of.ts';
import { renderMain, renderPage } from './render.ts';
import { SCRIPT } from './script.ts';
import type { PageState } from './state.ts';

/** Where the page's content comes from. */
export interface PageSource {
  /** The host as it is now. */
  state(): Promise<PageState>;
  /** Calls back when another look would show something else. @returns a function that ends it. */
  onChange(changed: () => void): () => void;
}

/** A page that is being served. */
export interface ServedPage {
  readonly url: string;
  close(): Promise<void>;
}

/** Browsers that look at the same time; each may have a few connections. */
const CONNECTIONS_MAX = 64;
/** ms for a request to arrive. */
const REQUEST_MS = 10_000;
/** ms between signs of life on a stream of changes. */
const HEARTBEAT_MS = 20_000;
/** Bytes that may wait for a browser that does not read. */
const BACKLOG_MAX = 65_536;

/**
 * Serves the page to browsers of this machine. Other users of the machine can reach the port but not guess the address,
 * which has 128 random bits in it; another site's script can neither read an answer nor send a host name that fits.
 *
 * @param port of 127.0.0.1; 0 for any.
 * @throws Error when the port cannot be had.
 */
export async function servePage(source: PageSource, port: number): Promise<ServedPage> {
  const token = randomBytes(16).toString('hex');
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, maxHeaderSize: 16_384 });
  server.maxConnections = CONNECTIONS_MAX;
  const streams = new Streams(source);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  server.on('request', (request, response) => {
    void answer({ request, response, source, streams, token, port: taken });
  });
  return { url: `http://127.0.0.1:${taken}/${token}/`, close: () => close(server, streams) };
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly source: PageSource;
  readonly streams: Streams;
  readonly token: string;
  readonly port: number;
}

async function answer(call: Call): Promise<void> {
  const { request, response, source, streams } = call;
  for (const [name, value] of HEADERS) response.setHeader(name, value);
  const path = pathFor(call);
  if (path === undefined) return refuse(response, 404, 'nothing here');
  if (request.method !== 'GET') return refuse(response, 405, 'this page is only looked at');
  try {
    if (path === 'changes') streams.add(response);
    else if (path === '') send(response, renderPage(await source.state(), { live: true }));
    else if (path === 'main') send(response, renderMain(await source.state()).text);
    else refuse(response, 404, 'nothing here');
  } catch (error) {
    refuse(response, 503, messageOf(error));
  }
}

/** What is asked for below the page's own address; undefined for whoever does not know that, or comes by another name. */
function pathFor({ request, token, port }: Call): string | undefined {
  const { host = '' } = request.headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) return undefined;
  const [, given = '', path] = /^\/([^/?]*)\/([^/?]*)(?:\?|$)/.exec(request.url ?? '') ?? [];
  const [a, b] = [given, token].map(text => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b) ? path : undefined;
}

const HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Security-Policy', contentPolicy()],
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Cache-Control', 'no-store'],
];

/** Only the page's own script runs, and only the page's own server is talked to. */
function contentPolicy(): string {
  const hash = createHash('sha256').update(SCRIPT).digest('base64');
  // Places on the page are given by style attributes, which no hash can stand for.
  return `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

function send(response: ServerResponse, text: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(text);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(`${text}\n`);
}

/** The browsers that are told of changes. */
class Streams {
  readonly #open = new Set<ServerResponse>();
  readonly #endListening: () => void;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(source: PageSource) {
    this.#endListening = source.onChange(() => this.#write('event: changed\ndata: {}\n\n'));
    this.#heartbeat = setInterval(() => this.#write(':\n\n'), HEARTBEAT_MS);
  }

  add(response: ServerResponse): void {
    response.setHeader('Content-Type', 'text/event-stream');
    response.write('retry: 2000\n\n');
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
  }

  close(): void {
    this.#endListening();
    clearInterval(this.#heartbeat);
    for (const response of this.#open) response.end();
  }

  /** One that does not read is let go: it comes again, and asks for all of it then. */
  #write(text: string): void {
    for (const response of this.#open) {
      if (response.writableLength > BACKLOG_MAX) response.destroy();
      else response.write(text);
    }
  }
}

async function close(server: Server, streams: Streams): Promise<void> {
  streams.close();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
