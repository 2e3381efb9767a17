import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import { isIdle, isSettled } from '../../../src/host/xenstore/pci-backend.ts';
import { holdersOf, readXenstore, type XenstoreView } from '../../../src/host/xenstore/view.ts';
import { XenstoreError } from '../../../src/xenstore-client/index.ts';
import { FakeStore } from './fake-store.ts';
import { AFTER_DETACH, RED_UUID, RENUMBERING, STALE, STUB_DOMAIN, TWO_DEVICES } from './transcripts.ts';

const never = new AbortController().signal;
const CARD = '0000:01:00.0' as Address;
const DISK = '0000:02:00.0' as Address;

function look(store: FakeStore): Promise<XenstoreView> {
  return readXenstore(store, never);
}

function holders(view: XenstoreView, address: Address): number[] {
  return holdersOf(view, address).map(({ domid }) => domid);
}

/** The transcript with other values. */
function changed(transcript: string, changes: Readonly<Record<string, string | undefined>>): FakeStore {
  const store = new FakeStore(transcript, 1);
  for (const [key, value] of Object.entries(changes)) {
    const path = `/local/domain/0/backend/pci/1/0/${key}`;
    if (value === undefined) store.nodes.delete(path);
    else store.nodes.set(path, value);
  }
  return store;
}

async function settled(store: FakeStore, address: Address): Promise<boolean> {
  const view = await look(store);
  const [holder] = holdersOf(view, address);
  return holder !== undefined && isSettled(holder.backend, holder.device, view.domains.get(holder.domid)?.type);
}

describe('the view of xenstore', () => {
  test('two devices of one guest', async () => {
    const view = await look(new FakeStore(TWO_DEVICES, 1));
    expect(view.domains.get(1)).toEqual({ domid: 1, name: 'red', uuid: RED_UUID, type: 'pv' });
    expect(view.domains.size).toBe(1);
    expect(holdersOf(view, CARD)).toMatchObject([{ domid: 1, device: { vdev: '0000:00:00.00', permissive: true } }]);
    expect(holdersOf(view, DISK)).toMatchObject([{ domid: 1, device: { vdev: '0000:00:01.00', permissive: false } }]);
    expect(view.marks.get(CARD)).toEqual({ domid: 1, driver: 'e1000e' });
    expect(view.marks.get('0000:04:00.0' as Address)).toEqual({ driver: 'nvme' });
  });

  test('a guest has what it is to let go of, until it has done so', async () => {
    const gone = (state: string, mark?: string): FakeStore => {
      const store = changed(TWO_DEVICES, { state, 'state-0': '5' });
      store.set('/libxl/pci/0000-01-00-0/domid', mark);
      return store;
    };
    expect(holders(await look(gone('7')), CARD)).toEqual([1]);
    expect(holders(await look(gone('4', '1')), CARD)).toEqual([1]);
    expect(holders(await look(gone('4')), CARD)).toEqual([]);
    expect(holders(await look(gone('4')), DISK)).toEqual([1]);
  });

  test('an index means nothing: the device that stays has moved to another one', async () => {
    const view = await look(new FakeStore(AFTER_DETACH, 1));
    expect([holders(view, CARD), holders(view, DISK)]).toEqual([[], [1]]);
  });

  test('a half-renumbered state has each device once, and is not settled', async () => {
    const view = await look(new FakeStore(RENUMBERING, 1));
    expect(holders(view, DISK)).toEqual([1]);
    expect(await settled(new FakeStore(RENUMBERING, 1), DISK)).toBe(false);
    expect(await settled(changed(RENUMBERING, { num_devs: '2' }), DISK)).toBe(false);
    expect(await settled(new FakeStore(AFTER_DETACH, 1), DISK)).toBe(true);
  });

  test('an entry of a domain that is gone holds nothing', async () => {
    const view = await look(new FakeStore(TWO_DEVICES + STALE, 1));
    expect(holders(view, '0000:04:00.0' as Address)).toEqual([]);
    expect(view.stale).toMatchObject([{ domid: 2, devices: [{ address: '0000:04:00.0' }] }]);
  });

  test('a domain whose nodes linger after its end is gone', async () => {
    const view = await look(new FakeStore(TWO_DEVICES));
    expect(view.domains.size).toBe(0);
    expect(holders(view, CARD)).toEqual([]);
  });

  test('a device of a stub domain is its guest’s', async () => {
    const view = await look(new FakeStore(STUB_DOMAIN, 5, 6));
    expect(holders(view, '0000:05:00.0' as Address)).toEqual([5]);
    expect(view.domains.get(6)?.target).toBe(5);
    expect(view.backends.every(backend => isIdle(backend, 'hvm'))).toBe(true);
  });

  test('an empty xenstore is a host without guests', async () => {
    const view = await look(new FakeStore(''));
    expect(view).toEqual({ domains: new Map(), backends: [], stale: [], marks: new Map() });
  });

  test('nothing that a guest can write is read', async () => {
    const store = new FakeStore(TWO_DEVICES + STUB_DOMAIN, 1, 5, 6);
    await look(store);
    const ownedByDom0 =
      /^\/(?:libxl(?:\/.*)?|local\/domain|local\/domain\/0\/backend\/.*|local\/domain\/\d+\/(?:name|vm|target))$/;
    expect([...store.asked].filter(path => !ownedByDom0.test(path))).toEqual([]);
  });

  test('a look that is disturbed is begun anew, but not for ever', async () => {
    const store = new FakeStore(TWO_DEVICES, 1);
    store.conflicts = 3;
    expect(holders(await look(store), CARD)).toEqual([1]);
    store.conflicts = Number.POSITIVE_INFINITY;
    await expect(look(store)).rejects.toMatchObject({
      code: 'Unreachable',
      message: expect.stringContaining('changed during each'),
    });
  });

  test('a part that cannot be read is no partial look', async () => {
    const store = new FakeStore(TWO_DEVICES, 1);
    const read = store.read.bind(store);
    store.read = async path => {
      if (path.endsWith('dev-1')) throw new XenstoreError('EIO', { operation: 'read', path });
      return read(path);
    };
    await expect(look(store)).rejects.toMatchObject({ code: 'Unreachable', message: expect.stringContaining('EIO') });
  });

  test('rubbish is read as nothing, and never a crash', async () => {
    const keys = ['state', 'num_devs', 'dev-0', 'dev-1', 'dev-99999', 'dev-', 'state-0', 'vdev-0', 'opts-0', 'key-0'];
    const values = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '-1', '4', '99999999999', '0000:01:00.0', '0000:01:00.8', '../..', '0x4', '4 '),
    );
    const nodes = fc.dictionary(fc.constantFrom(...keys), values);
    const rest = fc.record({ name: values, vm: values, target: values, domid: values, driver: values, mark: values });
    await fc.assert(
      fc.asyncProperty(nodes, rest, async (backend, other) => {
        const store = changed('', backend);
        for (const key of ['name', 'vm', 'target'] as const) store.nodes.set(`/local/domain/1/${key}`, other[key]);
        store.nodes.set('/libxl/pci/0000-01-00-0/domid', other.domid);
        store.nodes.set('/libxl/pci/0000-01-00-0/driver_path', `/sys/bus/pci/drivers/${other.driver}`);
        store.nodes.set(`/libxl/pci/${other.mark.replaceAll('/', '')}/domid`, '1');
        const view = await look(store);
        for (const { devices } of view.backends) {
          for (const { address } of devices) expect(address).toBe('0000:01:00.0');
        }
        expect(view.marks.get(CARD)?.driver ?? '').not.toMatch(/\//);
      }),
    );
  });
});

describe('a device is settled', () => {
  test('when everything says so', async () => {
    expect(await settled(changed(TWO_DEVICES, {}), CARD)).toBe(true);
  });

  const unsettled: Readonly<Record<string, Record<string, string | undefined>>> = {
    'the guest has been told to look again': { state: '7' },
    'pciback has done its part': { state: '8' },
    'it is being taken away': { 'state-0': '5' },
    'it has been closed': { 'state-0': '6' },
    'pciback has not placed it yet': { 'vdev-0': undefined },
    'the count is not written yet': { num_devs: '1' },
  };
  test.each(Object.entries(unsettled))('not while %s', async (_, changes) => {
    expect(await settled(changed(TWO_DEVICES, changes), CARD)).toBe(false);
  });

  test('in a guest that is booting, where nothing is under way, but the next change has to wait', async () => {
    const store = changed(TWO_DEVICES, { state: '3' });
    expect(await settled(store, CARD)).toBe(true);
    const { backends } = await look(store);
    expect(backends.map(backend => isIdle(backend, 'pv'))).toEqual([false]);
  });

  test('in an HVM guest when its device model has placed it, whatever the state', async () => {
    const hvm = TWO_DEVICES.replace('/libxl/1/type = "pv"', '/libxl/1/type = "hvm"');
    expect(await settled(changed(hvm, { state: '7' }), CARD)).toBe(false);
    expect(await settled(changed(hvm, { state: '7', 'vdevfn-0': '28', 'vdev-0': undefined }), CARD)).toBe(true);
  });
});
