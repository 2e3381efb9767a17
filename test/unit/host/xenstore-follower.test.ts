import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lookAtXenstore } from '../../../src/host/xenstore/follower.ts';
import { readXenstore } from '../../../src/host/xenstore/view.ts';
import { XenstoreError } from '../../../src/xenstore-client/index.ts';
import { FakeStore } from './fake-store.ts';
import { STUB_DOMAIN, TWO_DEVICES } from './transcripts.ts';

const never = new AbortController().signal;
const BACKEND = '/local/domain/0/backend/pci/1/0';

/** A store whose events and answers come in order, as over xenstored's socket; it counts what is asked of it. */
class OrderedStore extends FakeStore {
  override eventsInOrder = true;
  requests = 0;
  /** Called before each answer: what happens while somebody looks. */
  meanwhile: () => void = () => undefined;

  override async read(path: string): Promise<string> {
    this.#count();
    return super.read(path);
  }
  override async directory(path: string): Promise<string[]> {
    this.#count();
    return super.directory(path);
  }
  override async isDomainIntroduced(domid: number): Promise<boolean> {
    this.#count();
    return super.isDomainIntroduced(domid);
  }

  /** Writes nodes in a transaction: whoever watches is told when all are written. */
  make(nodes: Readonly<Record<string, string>>): void {
    for (const [path, value] of Object.entries(nodes)) this.nodes.set(path, value);
    for (const [path, value] of Object.entries(nodes)) this.set(path, value);
  }

  /** How many requests something takes. */
  async cost(work: () => Promise<unknown>): Promise<number> {
    const before = this.requests;
    await work();
    return this.requests - before;
  }

  #count(): void {
    this.requests += 1;
    this.meanwhile();
  }
}

/** What there is, as somebody sees it who reads everything. */
function truth({ nodes, introduced }: FakeStore) {
  const store = new FakeStore('', ...introduced);
  for (const [path, value] of nodes) store.nodes.set(path, value);
  return readXenstore(store, never);
}

describe('following xenstore', () => {
  test('the first look reads everything, another one a single node while nothing has changed', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    const first = await lookAtXenstore(store, never);
    expect(first).toEqual(await truth(store));
    expect(await store.cost(async () => expect(await lookAtXenstore(store, never)).toBe(first))).toBe(1);
  });

  test('a change costs what it is about', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    await lookAtXenstore(store, never);
    store.set(`${BACKEND}/state-1`, '5');
    expect(await store.cost(() => lookAtXenstore(store, never))).toBe(2);
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
    store.set('/libxl/pci/0000-01-00-0/domid', '7');
    expect(await store.cost(() => lookAtXenstore(store, never))).toBe(2);
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
  });

  test('what is in doubt is asked for all at once, and not one answer after the other', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    await lookAtXenstore(store, never);
    store.set(`${BACKEND}/state-1`, '5');
    store.set(`${BACKEND}/state`, '7');
    let first: (() => void) | undefined;
    const gate = new Promise<void>(resolve => {
      first = resolve;
    });
    const answers = [store.directory.bind(store), store.read.bind(store)] as const;
    const [directory, read] = answers;
    store.directory = async path => {
      const names = await directory(path);
      await gate;
      return names;
    };
    store.read = async path => {
      const value = await read(path);
      await gate;
      return value;
    };
    const asked = store.requests;
    const looking = lookAtXenstore(store, never);
    await new Promise(resolve => setImmediate(resolve));
    expect(store.requests - asked).toBe(3);
    first?.();
    expect(await looking).toEqual(await truth(store));
    expect(store.requests - asked).toBe(3);
  });

  test('what has not changed stays the same object', async () => {
    const store = new OrderedStore(`${TWO_DEVICES}${STUB_DOMAIN}`, 1, 5, 6);
    const first = await lookAtXenstore(store, never);
    store.set(`${BACKEND}/state-1`, '5');
    const second = await lookAtXenstore(store, never);
    expect(second.domains).toBe(first.domains);
    expect(second.marks).toBe(first.marks);
    const untouched = (view: typeof first) => view.backends.find(({ domid }) => domid === 5);
    expect(untouched(second)).toEqual(untouched(first));
    store.set('/libxl/pci/0000-01-00-0/domid', '7');
    const third = await lookAtXenstore(store, never);
    expect(third.backends).toBe(second.backends);
    expect(third.domains).toBe(second.domains);
    expect(third).toEqual(await truth(store));
  });

  test('a domain has one watch, which tells of all that is written when it is made; a stub domain one more', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    await lookAtXenstore(store, never);
    const watching = store.watching;
    store.introduce(8, true);
    store.make({ '/local/domain/8/vm': '/vm/88888888-2222-3333-4444-555555555555', '/local/domain/8/name': 'win' });
    expect((await lookAtXenstore(store, never)).domains.get(8)).toMatchObject({ name: 'win' });
    expect(store.watching).toBe(watching + 1);
    store.make({ '/local/domain/8/vm': '/vm/99999999-2222-3333-4444-555555555555', '/local/domain/8/name': 'win-dm' });
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
    expect(store.watching).toBe(watching + 2);
    store.set('/local/domain/8/target', '1');
    const late = await lookAtXenstore(store, never);
    expect(late.domains.get(8)).toMatchObject({ target: 1, uuid: '99999999-2222-3333-4444-555555555555' });
    store.set('/local/domain/8', undefined);
    await lookAtXenstore(store, never);
    expect(store.watching).toBe(watching);
  });

  test('a list that is kept is asked for again as soon as it shows what has been removed', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    await lookAtXenstore(store, never);
    for (const path of [...store.nodes.keys()].filter(each => each.startsWith(`${BACKEND}/`))) {
      store.set(path, undefined);
      expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
    }
    store.set(`${BACKEND}/state`, '1');
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
  });

  test('of thousands of devices no more is asked for at once than a client lets wait', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    const many = Array.from({ length: 2000 }, (_, index) => index);
    const address = (index: number): string => `0000:${(index >> 3).toString(16).padStart(2, '0')}:00.${index & 7}`;
    for (const index of many) store.nodes.set(`/libxl/pci/${address(index).replaceAll(/[:.]/g, '-')}/domid`, '1');
    const readChildren = store.readChildren.bind(store);
    let waiting = 0;
    store.readChildren = async (path, names) => {
      waiting += names.length;
      if (waiting > 1000) throw new Error('the queue is full');
      const values = await readChildren(path, names);
      waiting -= names.length;
      return values;
    };
    const seen = await lookAtXenstore(store, never);
    expect([...seen.marks.keys()].sort()).toEqual(many.map(address).sort());
    expect(await readXenstore(store, never)).toEqual(seen);
  });

  test('looks at the same time do not mix', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    const [giveUp, looks] = [new AbortController(), [lookAtXenstore(store, never)]];
    const given = lookAtXenstore(store, giveUp.signal);
    store.set(`${BACKEND}/state-1`, '5');
    looks.push(lookAtXenstore(store, never));
    giveUp.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    for (const look of looks) expect(await look).toEqual(await truth(store));
  });

  test('over a connection that is made again everything is read anew', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    const full = await store.cost(() => lookAtXenstore(store, never));
    // As after xenstored was started anew: nobody has told of it.
    store.nodes.set(`${BACKEND}/opts-0`, 'permissive=0');
    store.reconnect();
    expect(await store.cost(() => lookAtXenstore(store, never))).toBeGreaterThanOrEqual(full - 1);
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
  });

  test('where events may come late nothing is kept', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    await lookAtXenstore(store, never);
    store.eventsInOrder = false;
    store.nodes.set(`${BACKEND}/state-1`, '5');
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
  });

  test('where watches are refused every look reads everything', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    store.watch = async path => {
      throw new XenstoreError('EQUOTA', { operation: 'watch', path });
    };
    for (const state of ['4', '7', '4']) {
      store.set(`${BACKEND}/state`, state);
      expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
    }
  });

  test('a store that never stands still is not believed', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    let turn = 0;
    store.meanwhile = () => {
      turn += 1;
      store.set(`${BACKEND}/dev-0`, `0000:0${turn % 9}:00.0`);
    };
    await expect(lookAtXenstore(store, never)).rejects.toMatchObject({
      code: 'Unreachable',
      message: expect.stringContaining('changed during each of 16 looks'),
    });
  });

  test('a guest that changes its states all the time keeps nobody from looking: it is shown as being changed', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    const still = await truth(store);
    let turn = 0;
    store.meanwhile = () => {
      turn += 1;
      store.set(`${BACKEND}/state`, String(turn % 8));
      store.set(`${BACKEND}/state-0`, String(turn % 8));
    };
    const { domains, marks, backends } = await lookAtXenstore(store, never);
    expect({ domains, marks }).toEqual({ domains: still.domains, marks: still.marks });
    expect(
      backends.map(({ domid, consistent, devices }) => [domid, consistent, devices.map(({ address }) => address)]),
    ).toEqual(still.backends.map(({ domid, devices }) => [domid, false, devices.map(({ address }) => address)]));
    store.meanwhile = () => undefined;
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
  });

  test('a part that cannot be read is no partial look, and is asked for again', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    const read = store.read.bind(store);
    store.read = async path => {
      if (path.endsWith('dev-1')) throw new XenstoreError('EIO', { operation: 'read', path });
      return read(path);
    };
    await expect(lookAtXenstore(store, never)).rejects.toMatchObject({ code: 'Unreachable' });
    store.read = read;
    expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
  });

  test('nobody waits longer than the signal says', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    store.directory = () => new Promise(() => undefined);
    const giveUp = new AbortController();
    const look = lookAtXenstore(store, giveUp.signal);
    giveUp.abort(new Error('enough'));
    await expect(look).rejects.toThrow('enough');
  });

  test('a domain that goes takes its watches with it', async () => {
    const store = new OrderedStore(TWO_DEVICES, 1);
    await lookAtXenstore(store, never);
    const watching = store.watching;
    store.set('/local/domain/1', undefined);
    await lookAtXenstore(store, never);
    expect(store.watching).toBe(watching - 1);
  });

  test('whatever happens, also during a look, it shows what somebody sees who reads everything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stretchArb, { minLength: 1, maxLength: 6 }), async stretches => {
        const store = new OrderedStore(`${TWO_DEVICES}${STUB_DOMAIN}`, 1, 5);
        for (const { before, during } of stretches) {
          for (const event of before) event(store);
          const queue = [...during];
          store.meanwhile = () => queue.shift()?.(store);
          const seen = await lookAtXenstore(store, never);
          store.meanwhile = () => undefined;
          if (queue.length === 0) expect(seen).toEqual(await truth(store));
        }
        expect(await lookAtXenstore(store, never)).toEqual(await truth(store));
      }),
      { numRuns: 500 },
    );
  });
});

type Happening = (store: OrderedStore) => void;

const folders = [
  '/local/domain/0/backend/pci',
  '/local/domain/0/backend/pci/1',
  BACKEND,
  '/libxl/pci',
  '/local/domain/1',
];
const keys = ['state', 'num_devs', 'dev-0', 'dev-2', 'state-1', 'vdev-0', 'vdev-2', 'opts-0'].map(
  key => `${BACKEND}/${key}`,
);
const others = [
  '/local/domain/0/backend/pci/5/0/dev-0',
  '/local/domain/0/backend/pci/9/0/dev-0',
  '/local/domain/1/name',
  '/local/domain/6/target',
  '/local/domain/7/name',
  '/libxl/1/type',
  '/libxl/pci/0000-01-00-0/domid',
  '/libxl/pci/0000-09-00-0/driver_path',
];
const values = fc.constantFrom(
  '1',
  '4',
  '5',
  '0000:01:00.0',
  '0000:09:00.0',
  '/vm/11111111-2222-3333-4444-555555555555',
);

const happeningArb: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom(...keys, ...others), values).map(
      ([path, value]): Happening =>
        store =>
          store.set(path, value),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...folders, ...keys, ...others).map(
      (path): Happening =>
        store =>
          store.set(path, undefined),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(1, 5, 6, 7, 9), fc.boolean()).map(
      ([domid, isIntroduced]): Happening =>
        store =>
          store.introduce(domid, isIntroduced),
    ),
  },
  {
    // As libxl makes a domain: what is told of the name holds for the rest.
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(1, 7), values, fc.constantFrom('guest', 'guest-dm')).map(
      ([domid, vm, name]): Happening =>
        store =>
          store.make({ [`/local/domain/${domid}/vm`]: vm, [`/local/domain/${domid}/name`]: name }),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Happening>(store => store.reconnect()) },
);

const stretchArb = fc.record({
  before: fc.array(happeningArb, { maxLength: 4 }),
  during: fc.array(happeningArb, { maxLength: 4 }),
});
