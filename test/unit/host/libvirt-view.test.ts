import { describe, expect, test } from 'vitest';
import { connectLibvirt, type LibvirtReader, readLibvirt } from '../../../src/host/libvirt/view.ts';
import {
  ConnectionLostError,
  type DomainRef,
  ErrorCode,
  LibvirtClient,
  LibvirtError,
} from '../../../src/node-libvirt/index.ts';
import { tempTree } from './temp-tree.ts';

const never = new AbortController().signal;
const LIVE = "<domain><os><type machine='xenpv'>linux</type></os><devices/></domain>";
const STORED = "<domain><os><type>hvm</type></os><features><xen><passthrough state='on'/></xen></features></domain>";

interface World {
  readonly persistent: readonly DomainRef[];
  readonly transient: readonly DomainRef[];
  readonly state?: Awaited<ReturnType<LibvirtReader['domainState']>>['state'];
  /** Thrown instead of this domain's definition. */
  readonly failing?: Readonly<Record<string, Error>>;
  readonly live?: string;
}

function libvirt({ persistent, transient, state = 'running', failing = {}, live = LIVE }: World): LibvirtReader {
  const lists = new Map([
    [4, persistent],
    [8, transient],
    [16, state === 'running' ? [...persistent, ...transient] : []],
  ]);
  return {
    listDomains: async ({ flags = 0 } = {}) => [...(lists.get(flags) ?? [])],
    domainState: async () => ({ state, reason: 0 }),
    domainXml: async (domain, { inactive } = {}) => {
      const error = failing[domain.name];
      if (error !== undefined) throw error;
      return inactive === true ? STORED : live;
    },
  };
}

function ref(name: string, id: number): DomainRef {
  return { name, uuid: `${name}-uuid`, id };
}

function libvirtError(code: number): LibvirtError {
  const nothing = { str1: null, str2: null, str3: null, int1: 0, int2: 0 };
  return new LibvirtError('domainGetXmlDesc', { code, domain: 10, message: 'no', level: 2, ...nothing });
}

describe("libvirt's view", () => {
  test('dom0 is left out, running and shut off domains are read', async () => {
    const world = { persistent: [ref('Domain-0', 0), ref('red', 1)], transient: [ref('brief', 2)] };
    expect(await readLibvirt(libvirt(world), never)).toEqual([
      {
        name: 'red',
        uuid: 'red-uuid',
        domid: 1,
        state: 'running',
        live: { type: 'pv', hostdevs: [], passthrough: false, e820Host: false },
        stored: { type: 'hvm', hostdevs: [], passthrough: true, e820Host: false },
      },
      {
        name: 'brief',
        uuid: 'brief-uuid',
        domid: 2,
        state: 'running',
        live: { type: 'pv', hostdevs: [], passthrough: false, e820Host: false },
      },
    ]);
    const [off] = await readLibvirt(libvirt({ persistent: [ref('red', -1)], transient: [], state: 'shutOff' }), never);
    expect(off).toEqual({ name: 'red', uuid: 'red-uuid', state: 'shutoff', stored: expect.anything() });
  });

  test('every look shows the definitions as they are then', async () => {
    const client = libvirt({ persistent: [ref('red', 1), ref('blue', 2)], transient: [] });
    const { domainXml } = client;
    const first = await readLibvirt(client, never);
    client.domainXml = async (domain, options) =>
      domain.name === 'red' && options?.inactive !== true ? STORED : domainXml(domain, options);
    const [red, blue] = await readLibvirt(client, never);
    expect([red?.live?.type, red?.stored?.type]).toEqual(['hvm', 'hvm']);
    expect(blue).toEqual(first[1]);
  });

  const states = [
    ['running', 1, 'running'],
    ['blocked', 1, 'running'],
    ['paused', 1, 'paused'],
    ['suspended', 1, 'paused'],
    ['shuttingDown', 1, 'changing'],
    ['crashed', 1, 'changing'],
    ['shutOff', 1, 'changing'],
    ['running', -1, 'changing'],
    ['crashed', -1, 'shutoff'],
  ] as const;
  test.each(states)('%s with id %i is %s', async (state, id, expected) => {
    const [domain] = await readLibvirt(libvirt({ persistent: [ref('red', id)], transient: [], state }), never);
    expect(domain?.state).toBe(expected);
  });

  test('what is known of a domain is not read again, unless the lists tell otherwise', async () => {
    const world = { persistent: [ref('red', 1), ref('blue', 2), ref('green', 3)], transient: [ref('brief', 4)] };
    const known = new Map((await readLibvirt(libvirt(world), never)).map(domain => [domain.uuid, domain]));
    const now = {
      persistent: [ref('red', 1), ref('blue', 5), ref('brief', 4)],
      transient: [ref('green', 3), ref('fresh', 6)],
      live: STORED,
    };
    const domains = await readLibvirt(libvirt(now), never, ({ uuid }) => known.get(uuid));
    expect(domains.map(({ name, domid, live }) => [name, domid, live?.type])).toEqual([
      ['red', 1, 'pv'],
      ['blue', 5, 'hvm'],
      ['brief', 4, 'hvm'],
      ['green', 3, 'hvm'],
      ['fresh', 6, 'hvm'],
    ]);
    const paused = await readLibvirt(libvirt({ ...world, state: 'paused' }), never, ({ uuid }) => known.get(uuid));
    expect(paused.map(({ state }) => state)).toEqual(['paused', 'paused', 'paused', 'paused']);
  });

  test('one that sleeps is told from one that somebody has paused', async () => {
    const looks = (['suspended', 'paused'] as const).map(state =>
      readLibvirt(libvirt({ persistent: [ref('red', 1)], transient: [], state }), never),
    );
    expect((await Promise.all(looks)).flat().map(({ asleep }) => asleep)).toEqual([true, undefined]);
  });

  test('a domain that disappears during the look is left out', async () => {
    const failing = { red: libvirtError(ErrorCode.noDomain) };
    const world = { persistent: [ref('red', 1), ref('blue', 2)], transient: [], failing };
    expect((await readLibvirt(libvirt(world), never)).map(({ name }) => name)).toEqual(['blue']);
  });

  test('anything else that fails makes the look fail', async () => {
    const errors = [libvirtError(ErrorCode.internalError), new ConnectionLostError('gone')];
    for (const error of errors) {
      const world = { persistent: [ref('red', 1), ref('blue', 2)], transient: [], failing: { red: error } };
      await expect(readLibvirt(libvirt(world), never)).rejects.toMatchObject({ code: 'Unreachable' });
    }
    const world = { persistent: [ref('red', 1)], transient: [], live: '<domain' };
    await expect(readLibvirt(libvirt(world), never)).rejects.toMatchObject({
      code: 'Unreachable',
      message: expect.stringContaining('red'),
    });
  });

  test('a look is told at once that there is no libvirtd', async () => {
    const client = new LibvirtClient({ socketPath: `${tempTree()}/libvirt-sock`, deadlineMs: 3_600_000 });
    try {
      await expect(connectLibvirt(client, never)).rejects.toMatchObject({
        code: 'Unreachable',
        message: expect.stringContaining('ENOENT'),
      });
    } finally {
      client.close();
    }
  });

  test('a domain that is in both lists is one domain', async () => {
    const world = { persistent: [ref('red', 1)], transient: [ref('red', 1)] };
    expect(await readLibvirt(libvirt(world), never)).toHaveLength(1);
  });
});
