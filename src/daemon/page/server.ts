import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { messageOf } from '../../controller/message-of.ts';
import { type Answer, closed, listenOnLoopback, readOnlyServer } from '../read-only-server.ts';
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

/** ms between signs of life on a stream of changes. */
const HEARTBEAT_MS = 20_000;
/** Bytes that may wait for a browser that does not read. */
const BACKLOG_MAX = 65_536;

/**
 * Serves the page to browsers of this machine. Other users of the machine can reach the port but not guess the address,
 * which has 128 random bits in it; another site's script can neither read an answer nor send a host name that fits.
 *
 * @param port of 127.0.0.1; 0 for any.
 * @param onError told of a request that failed, which is a defect.
 * @throws the error of listen(2).
 */
export async function servePage(
  source: PageSource,
  port: number,
  onError: (error: unknown) => void,
): Promise<ServedPage> {
  const token = randomBytes(16).toString('hex');
  const streams = new Streams(source);
  const server = readOnlyServer(async ({ path: [given = '', name, ...more], message }, response) => {
    if (!isOurName(message) || !isSame(given, token) || more.length > 0) return plain(404, 'nothing here');
    if (name !== 'changes') return answer(name, source);
    streams.add(response);
    return undefined;
  }, onError);
  try {
    const taken = await listenOnLoopback(server, port);
    return { url: `http://127.0.0.1:${taken}/${token}/page`, close: () => close(server, streams) };
  } catch (error) {
    streams.close();
    throw error;
  }
}

async function close(server: Server, streams: Streams): Promise<void> {
  streams.close();
  await closed(server);
}

/** Another site's name that was made to lead here is not ours. */
function isOurName({ headers: { host }, socket: { localPort } }: IncomingMessage): boolean {
  return host === `127.0.0.1:${localPort}` || host === `localhost:${localPort}`;
}

/** In a time that says nothing about where they differ. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

async function answer(name: string | undefined, source: PageSource): Promise<Answer> {
  try {
    if (name === 'page') return page(renderPage(await source.state(), { live: true }));
    if (name === 'main') return page(renderMain(await source.state()).text);
    return plain(404, 'nothing here');
  } catch (error) {
    return plain(503, messageOf(error));
  }
}

function page(text: string): Answer {
  return { code: 200, type: 'text/html; charset=utf-8', text, headers: HEADERS };
}

function plain(code: number, text: string): Answer {
  return { code, type: 'text/plain; charset=utf-8', text: `${text}\n` };
}

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': contentPolicy(),
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** Only the page's own script runs, and only the page's own server is talked to. */
function contentPolicy(): string {
  const hash = createHash('sha256').update(SCRIPT).digest('base64');
  // Places on the page are given by style attributes, which no hash can stand for.
  return `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
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
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
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
