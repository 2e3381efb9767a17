import { Duplex } from 'node:stream';
import { apiResources } from '../../../src/cli/api-resources.ts';
import { encodeLook } from '../../../src/daemon/api/look-text.ts';
import { apiRoutes } from '../../../src/daemon/api/routes.ts';
import { Journal } from '../../../src/daemon/events/journal.ts';
import { readOnlyServer } from '../../../src/daemon/read-only-server.ts';
import { sampleLook } from '../look.ts';
import { promise, type Target, texts, type Verdict, Violation } from '../target.ts';
import { emptyDom0 } from '../temp.ts';

const get = (path: string, ...headers: readonly string[]): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers.map(each => `${each}\r\n`).join('')}\r\n`;

/** Codes that an answer to anything may have: those of the API, and those that Node gives to what is no HTTP. */
const CODES = new Set([200, 400, 404, 405, 408, 413, 417, 431, 503]);

/** What comes over the API's socket from whoever may open it. */
export const http: Target = {
  name: 'http',
  about: 'bytes on the socket of the API: an answer of a known code or an end, printable, and never a failure inside',
  seeds: texts(
    get('/'),
    get('/v1/assignments') + get('/v1/assignments/red', 'Connection: close'),
    get('/v1/devices/0000:01:00.0') + get('/v1/devices/0000%3A02%3A00.0'),
    get('/v1/events?for=device/0000:01:00.0&x=1'),
    get('/v1/events', 'Accept: text/event-stream', 'Last-Event-ID: 3'),
    get('/v1/plan') + get('/v1/domains') + get('/v1/look') + get('/metrics') + get('/healthz') + get('/readyz'),
    'HEAD /v1/plan HTTP/1.0\r\n\r\n',
  ),
  dictionary: [
    ...[
      'GET ',
      'HEAD ',
      'PUT ',
      'OPTIONS * ',
      'CONNECT x:1 ',
      ' HTTP/1.1\r\n',
      ' HTTP/2.0',
      '\r\n\r\n',
      '\n',
      'Host: x\r\n',
    ],
    ...[
      'Transfer-Encoding: chunked\r\n',
      'Content-Length: 99\r\n',
      'Expect: 100-continue\r\n',
      'Upgrade: h2c\r\n',
      'Connection: Upgrade\r\n',
    ],
    ...[
      '%',
      '%00',
      '%2e%2e',
      '%ff',
      '/../',
      '//',
      '?for=',
      'assignment/',
      '?after=9',
      '__proto__',
      'constructor',
      '#',
      'http://y/',
    ],
    ...[
      'Accept: text/event-stream\r\n',
      'Last-Event-ID: -1\r\n',
      '\0',
      '\x1b[2J',
      '\xff',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ],
  ],
  heavy: function* () {
    yield Buffer.from('POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
    yield Buffer.from(`GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\n\r\n`);
    yield Buffer.from(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(100_000)}\r\n`);
    yield Buffer.from(get('/healthz').repeat(2_000));
    yield Buffer.from(`${'/'.repeat(7_000)}`);
    yield Buffer.from(get(`/${'%2f'.repeat(2_000)}`));
  },
  quick: 1_500,
  full: 500_000,
  async open() {
    const { layout, remove } = emptyDom0();
    const look = sampleLook();
    let failed: unknown;
    const journal = await Journal.open(layout, { now: () => look.now, onProblem: () => undefined });
    const health = { look, alive: verdict, ready: verdict, outdated: () => undefined };
    const routes = apiRoutes({
      journal,
      resources: apiResources({ layout, manifests: '/m', manifestsGiven: false }),
      lookText: seen => encodeLook(seen, { manifests: '/m', controller: 1, version: '0' }),
      fresh: { ask: async () => true },
      health: health as unknown as Parameters<typeof apiRoutes>[0]['health'],
      metrics: async () => ({ type: 'text/plain', text: 'xenpci_passes_total 1\n' }),
    });
    const server = readOnlyServer(routes, error => {
      failed = error;
    });
    return {
      async run(input): Promise<Verdict> {
        failed = undefined;
        const answer = await answered(server, input);
        if (failed !== undefined) throw failed instanceof Error ? failed : new Violation(String(failed));
        const codes = [...answer.matchAll(/(?:^|\n|\})HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code));
        for (const code of codes) promise(CODES.has(code), `an answer of code ${code}`);
        promise(answer === '' || codes.length > 0, 'an answer that is no HTTP');
        promise(!/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]/.test(answer), 'an answer that a terminal would obey');
        return codes.includes(200) ? 'accepted' : 'refused';
      },
      close: remove,
    };
  },
};

function verdict(): { good: boolean; text: string } {
  return { good: true, text: 'ok' };
}

/** Turns of the event loop without a word after which there is nothing to come. */
const PATIENCE = 4;

/** Sends bytes, says that there are no more, and takes what comes until the end of the connection. */
function answered(server: { emit(event: 'connection', socket: Duplex): boolean }, input: Buffer): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    const socket = new Duplex({
      read: () => undefined,
      write(chunk: Buffer, _, done) {
        chunks.push(chunk);
        done();
      },
    });
    // What a socket has and a stream has not.
    Object.assign(socket, { setTimeout: () => socket, setNoDelay: () => socket, setKeepAlive: () => socket });
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    socket.on('error', () => undefined);
    server.emit('connection', socket);
    socket.push(input);
    // Whoever ends a connection before its answer has come gets none; the answers wait for promises alone. What stays
    // open then has nothing to answer, and on a real socket the timer for idle ones closes it.
    let still = 0;
    let heard = 0;
    const turn = (): void => {
      still = chunks.length === heard ? still + 1 : 0;
      heard = chunks.length;
      if (still === PATIENCE) socket.push(null);
      if (still === 2 * PATIENCE) socket.destroy();
      else if (!socket.destroyed) setImmediate(turn);
    };
    setImmediate(turn);
  });
}
