import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lookAtXenstore } from '../../src/host/xenstore/follower.ts';
import { readXenstore } from '../../src/host/xenstore/view.ts';
import { MessageType, XenstoreClient } from '../../src/xenstore-client/index.ts';
import { Xenstored } from './xenstored.ts';

const never = new AbortController().signal;
setMaxListeners(0, never);
const BACKENDS = '/local/domain/0/backend/pci';
const PATHS = [
  ...['state', 'num_devs', 'dev-0', 'dev-1', 'state-0', 'vdev-0', 'opts-0'].map(key => `${BACKENDS}/1/0/${key}`),
  `${BACKENDS}/2/0/dev-0`,
  '/local/domain/1/name',
  '/libxl/1/type',
  '/libxl/pci/0000-01-00-0/domid',
  '/libxl/pci/0000-02-00-0/driver_path',
];
const FOLDERS = [
  BACKENDS,
  `${BACKENDS}/1`,
  `${BACKENDS}/1/0`,
  '/libxl/pci',
  '/libxl/pci/0000-01-00-0',
  '/local/domain/1',
];
const VALUES = ['1', '4', '5', '0000:01:00.0', '0000:02:00.0', '/vm/11111111-2222-3333-4444-555555555555'];

type Change = (client: XenstoreClient) => Promise<unknown>;

const changeArb: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom(...PATHS), fc.constantFrom(...VALUES)).map(
      ([path, value]): Change =>
        client =>
          client.write(path, value),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...PATHS, ...FOLDERS).map(
      (path): Change =>
        client =>
          client.rm(path).catch(() => undefined),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.subarray(PATHS).map(
      (paths): Change =>
        client =>
          client.transaction(tx => Promise.all(paths.map(path => tx.write(path, '4')))),
    ),
  },
  {
    // As libxl makes a domain, and a stub domain: its target comes later.
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('1', '2'), fc.constantFrom(...VALUES), fc.constantFrom(...VALUES)).map(
      ([domid, vm, target]): Change =>
        async client => {
          const folder = `/local/domain/${domid}`;
          const name = domid === '2' ? 'guest-dm' : 'guest';
          await client.transaction(tx => Promise.all([tx.write(`${folder}/vm`, vm), tx.write(`${folder}/name`, name)]));
          if (domid === '2') await client.write(`${folder}/target`, target);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('1', '2'), fc.boolean()).map(
      ([domid, comes]): Change =>
        client => {
          const asked = comes
            ? client.request(MessageType.Introduce, [domid, '1', '1'])
            : client.request(MessageType.Release, [domid]);
          return asked.catch(() => undefined);
        },
    ),
  },
);

describe.each(['xenstored', 'oxenstored'] as const)('following %s', name => {
  let daemon: Xenstored;
  const clients: XenstoreClient[] = [];

  async function connect(): Promise<XenstoreClient> {
    const { socketPath } = daemon;
    const client = await XenstoreClient.connect({ socketPath, backoff: { firstMs: 5, longestMs: 50 } });
    clients.push(client);
    return client;
  }

  beforeEach(async () => {
    daemon = await Xenstored.start(name);
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.close()));
    await daemon.stop();
  });

  test('shows after every change what somebody sees who reads everything', async () => {
    const [eye, hand] = [await connect(), await connect()];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(changeArb, { maxLength: 4 }), { maxLength: 5 }), async rounds => {
        for (const changes of rounds) {
          // Some of it happens while somebody looks.
          const looking = lookAtXenstore(eye, never);
          for (const change of changes) await change(hand);
          await looking;
          const seen = await lookAtXenstore(eye, never);
          expect(sorted(seen)).toEqual(sorted(await readXenstore(hand, never)));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('believes nothing of what an earlier daemon has said', async () => {
    const [eye, hand] = [await connect(), await connect()];
    await hand.write('/libxl/pci/0000-01-00-0/domid', '7');
    expect((await lookAtXenstore(eye, never)).marks.size).toBe(1);
    await daemon.kill();
    await daemon.restart();
    expect((await lookAtXenstore(eye, never)).marks.size).toBe(0);
  });
});

/** Daemons list nodes in an order of their own, and lists that are kept need not have the order of fresh ones. */
function sorted({ domains, backends, stale, marks }: Awaited<ReturnType<typeof readXenstore>>) {
  const byDomid = <T extends { readonly domid: number }>(items: Iterable<T>): T[] =>
    [...items].sort((a, b) => a.domid - b.domid);
  return {
    domains: byDomid(domains.values()),
    backends: byDomid(backends),
    stale: byDomid(stale),
    marks: [...marks].sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}
