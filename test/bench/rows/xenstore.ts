import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { lookAtXenstore } from '../../../src/host/xenstore/follower.ts';
import {
  encodeFrame,
  encodeStrings,
  FrameParser,
  MAX_REPLY_BYTES,
  MessageType,
  type OpenTransport,
  XenstoreClient,
} from '../../../src/xenstore-client/index.ts';
import { openSocket } from '../../../src/xenstore-client/socket-transport.ts';
import { Xenstored } from '../../daemons/xenstored.ts';
import { type Line, measure } from '../measure.ts';
import { runToEnd } from '../program.ts';
import type { Row } from '../row.ts';

const DOMAINS = 200;
const DEVICES = 5;
const ROUNDS = 25;
/** Of the seed's walk: the list of backends, and for each its list, its domain, its count and its devices. */
const SEED_REQUESTS = 1 + DOMAINS * (3 + DEVICES);
const BACKENDS = '/local/domain/0/backend/pci';

const never = new AbortController().signal;
setMaxListeners(0, never);

/** Who has which device, asked of the real xenstored. */
export const xenstoreLook: Row = {
  name: 'xenstore',
  title: `who has which device: ${DOMAINS} domains with ${DEVICES} devices each, on the real xenstored`,
  async measure() {
    const daemon = await Xenstored.start('xenstored');
    const writer = await XenstoreClient.connect({ socketPath: daemon.socketPath });
    try {
      await fill(writer);
      const seed = new SeedWalk(daemon.socketPath);
      try {
        return await lines(daemon.socketPath, writer, seed);
      } finally {
        seed.end();
      }
    } finally {
      await writer.close();
      await daemon.stop();
    }
  },
};

async function lines(socketPath: string, writer: XenstoreClient, seed: SeedWalk): Promise<Line[]> {
  const about = `${DOMAINS} domains with ${DEVICES} devices each`;
  const { client, count } = await counting(socketPath);
  const full = await count(() => lookAtXenstore(client, never));
  const peer = { name: "the seed's walk in C and Python", run: () => seed.walk() };
  const first = async (): Promise<void> => {
    const fresh = await XenstoreClient.connect({ socketPath });
    await lookAtXenstore(fresh, never);
    await fresh.close();
  };
  const list = (): Promise<void> => runToEnd('xenstore-ls', [BACKENDS], { env: { XENSTORED_PATH: socketPath } });
  const change = async (): Promise<void> => {
    await writer.write(`${BACKENDS}/100/0/state-2`, turn % 2 === 0 ? '3' : '4');
    turn += 1;
  };
  let turn = 0;
  const floor = { name: `the same ${full} requests, sent at once`, run: () => bareReads(socketPath, full) };
  const rounds = ROUNDS;
  const made: Line[] = [];
  made.push(
    await measure({
      what: `a first look at xenstore: ${about}`,
      note: `${full} requests, once for each connection: it also reads states, options, marks, names, and sets watches up; the seed asks ${SEED_REQUESTS}, one after the other`,
      run: first,
      peer,
      floor,
      unit: 'ms',
      rounds,
      goal: { peer: 0.5, floor: 1.2 },
    }),
    await measure({
      what: 'a first look at xenstore, by the side of a listing',
      run: first,
      peer: { name: '`xenstore-ls` of the backends', run: list },
      unit: 'ms',
      rounds,
      goal: { peer: 0.5 },
    }),
    await measure({
      what: 'another look while nothing has changed',
      run: async () => void (await lookAtXenstore(client, never)),
      peer,
      unit: 'ms',
      rounds,
      goal: { peer: 0.01 },
    }),
    await measure({
      what: 'a look after one device has changed',
      async run() {
        await change();
        const before = performance.now();
        await lookAtXenstore(client, never);
        return performance.now() - before;
      },
      peer,
      unit: 'ms',
      rounds,
      goal: { peer: 0.01 },
    }),
    await measure({
      what: 'requests of a look after one device has changed',
      async run() {
        await change();
        return count(() => lookAtXenstore(client, never));
      },
      unit: 'requests',
      rounds: 5,
      goal: { value: 5 },
    }),
  );
  await client.close();
  return made;
}

/** A client that counts the requests it sends. */
async function counting(socketPath: string) {
  let sent = 0;
  const transport: OpenTransport = async (events, signal) => {
    const socket = await openSocket(socketPath)(events, signal);
    return {
      ...socket,
      send(frame) {
        sent += 1;
        socket.send(frame);
      },
    };
  };
  const client = await XenstoreClient.connect({ transport });
  const count = async (work: () => Promise<unknown>): Promise<number> => {
    const before = sent;
    await work();
    return sent - before;
  };
  return { client, count };
}

/** Sends so many reads at once and waits for the last answer: what the daemon itself takes. */
function bareReads(socketPath: string, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const parser = new FrameParser(MAX_REPLY_BYTES);
    const payload = encodeStrings(`${BACKENDS}/100/0/dev-0`);
    const frame = encodeFrame({ type: MessageType.Read, requestId: 1, transactionId: 0, payload });
    let left = count;
    const socket = connect(socketPath, () => socket.write(Buffer.concat(Array.from({ length: count }, () => frame))));
    socket.on('data', chunk => {
      left -= [...parser.push(chunk)].length;
      if (left === 0) socket.end();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve());
  });
}

/** The seed's algorithm with Xen's own bindings, in a process that stays. */
class SeedWalk {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** @throws when Debian's xen-utils are not there. */
  constructor(socketPath: string) {
    const folder = readdirSync('/usr/lib')
      .map(name => `/usr/lib/${name}/lib/python`)
      .find(path => existsSync(`${path}/xen/lowlevel`));
    if (folder === undefined) throw new Error("Xen's Python bindings are not installed: run test/daemons/install");
    this.#process = spawn('/usr/bin/python3', [resolve('test/bench/seed-walk.py'), folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, XENSTORED_PATH: socketPath },
    });
    const output = this.#process.stdout;
    if (output === null) throw new Error('no output');
    const lines: Interface = createInterface(output);
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** @returns how long it took by itself, ms. */
  async walk(): Promise<number> {
    this.#process.stdin?.write('\n');
    const { value, done } = await this.#lines.next();
    const [count, ms] = done === true ? [] : value.split(' ').map(Number);
    if (count !== DOMAINS * DEVICES || ms === undefined) throw new Error(`the seed's walk found ${count} devices`);
    return ms;
  }

  end(): void {
    this.#process.stdin?.end();
  }
}

/** What libxl, pciback and the guests' frontends write for so many devices. */
async function fill(client: XenstoreClient): Promise<void> {
  for (let domid = 1; domid <= DOMAINS; domid += 1) {
    const uuid = `00000000-0000-0000-0000-${String(domid).padStart(12, '0')}`;
    const folder = `${BACKENDS}/${domid}/0`;
    const nodes: [string, string][] = [
      [`/local/domain/${domid}/name`, `guest-${domid}`],
      [`/local/domain/${domid}/vm`, `/vm/${uuid}`],
      [`/libxl/${domid}/type`, 'pv'],
      [`${folder}/frontend`, `/local/domain/${domid}/device/pci/0`],
      [`${folder}/frontend-id`, String(domid)],
      [`${folder}/domain`, `guest-${domid}`],
      [`${folder}/online`, '1'],
      [`${folder}/state`, '4'],
      [`${folder}/num_devs`, String(DEVICES)],
    ];
    for (let index = 0; index < DEVICES; index += 1) {
      const bus = domid.toString(16).padStart(2, '0');
      nodes.push(
        [`${folder}/key-${index}`, `0000:${bus}:00.${index}`],
        [`${folder}/dev-${index}`, `0000:${bus}:00.${index}`],
        [`${folder}/opts-${index}`, 'msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict'],
        [`${folder}/state-${index}`, '3'],
        [`${folder}/vdev-${index}`, `0000:00:00.0${index}`],
        [`/libxl/pci/0000-${bus}-00-${index}/domid`, String(domid)],
        [`/libxl/pci/0000-${bus}-00-${index}/driver_path`, '/sys/bus/pci/drivers/e1000e'],
      );
    }
    await Promise.all(nodes.map(([path, value]) => client.write(path, value)));
    await client.request(MessageType.Introduce, [String(domid), '1', '1']);
  }
}
