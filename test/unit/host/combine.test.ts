import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import type { PciPath } from '../../../src/api/path.ts';
import type { Definition } from '../../../src/host/libvirt/definition.ts';
import type { LibvirtDomain } from '../../../src/host/libvirt/view.ts';
import { combineDevices } from '../../../src/host/look/combine-devices.ts';
import { combineDomains } from '../../../src/host/look/combine-domains.ts';
import { PciIds } from '../../../src/host/sysfs/pci-ids.ts';
import type { SysfsDevice } from '../../../src/host/sysfs/sysfs.ts';
import { readXenstore } from '../../../src/host/xenstore/view.ts';
import type { Observed, ObservedDevice, ObservedDomain } from '../../../src/plan/observed.ts';
import { FakeStore } from './fake-store.ts';
import { RED_UUID, STALE, STUB_DOMAIN, TWO_DEVICES } from './transcripts.ts';

const FIRST = '0000:01:00.0' as Address;
const SECOND = '0000:02:00.0' as Address;
const FREE = '0000:04:00.0' as Address;

function card(address: Address, driver?: string): SysfsDevice {
  const identity = { vendor: '8086', device: '10d3', class: '0200' };
  const path = '00_01.0' as PciPath;
  const found = { address, path, identity, progIf: '00', insertion: '42', resetMethods: ['flr'] };
  return { ...found, ...(driver === undefined ? {} : { driver }) };
}

function definition(...addresses: Address[]): Definition {
  const hostdevs = addresses.map(address => ({ address, alias: 'ua-xenpci-x', managed: false, permissive: false }));
  return { type: 'pv', passthrough: true, e820Host: true, hostdevs };
}

function red(live: Definition = definition(FIRST, SECOND)): LibvirtDomain {
  return { name: 'red', uuid: RED_UUID, domid: 1, state: 'running', live, stored: definition() };
}

const CARDS = [card(FIRST, 'pciback'), card(SECOND, 'pciback'), card(FREE, 'pciback')];

async function look(
  store: FakeStore,
  libvirt: readonly LibvirtDomain[],
  sysfs: readonly SysfsDevice[] = CARDS,
): Promise<Pick<Observed, 'devices' | 'domains'>> {
  const xenstore = await readXenstore(store, new AbortController().signal);
  const domains = combineDomains(xenstore, libvirt);
  const views = { xenstore, libvirt, sysfs, uses: new Map(), unfiltered: new Set<Address>() };
  return { domains, devices: combineDevices(views, domains, new PciIds('')) };
}

async function device(address: Address, ...args: Parameters<typeof look>): Promise<ObservedDevice> {
  const found = (await look(...args)).devices.get(address);
  if (found === undefined) throw new Error(`no ${address}`);
  return found;
}

describe('a device', () => {
  test('is with the guest whose backend names it', async () => {
    expect(await device(FIRST, new FakeStore(TWO_DEVICES, 1), [red()])).toEqual({
      ...card(FIRST, 'pciback'),
      progIf: undefined,
      present: true,
      text: { vendor: 'Vendor 8086', device: 'Device 10d3', subsystem: '', class: 'Class 0200' },
      place: { at: 'guest', domid: 1, domain: 'red' },
      guestAddress: '0000:00:00.0',
      settled: true,
      uses: [],
      homeDriver: 'e1000e',
      permissive: true,
    });
  });

  test('is assignable on pciback, and else at the host', async () => {
    const place = async (driver?: string): Promise<string> =>
      (await device(FREE, new FakeStore(''), [], [card(FREE, driver)])).place.at;
    expect([await place('pciback'), await place('nvme'), await place()]).toEqual(['assignable', 'host', 'host']);
  });

  test('is not with a guest that is gone', async () => {
    const found = await device(FREE, new FakeStore(TWO_DEVICES + STALE, 1), [red()]);
    expect(found.place).toEqual({ at: 'assignable' });
    expect(found.divergence).toBeUndefined();
  });

  test('is with its guest, not with the stub domain', async () => {
    const address = '0000:05:00.0' as Address;
    const found = await device(address, new FakeStore(STUB_DOMAIN, 5, 6), [], [card(address, 'pciback')]);
    expect(found).toMatchObject({ place: { at: 'guest', domid: 5, domain: 'win' }, settled: true });
    expect(found.divergence).toBeUndefined();
  });

  test('is shown when it has vanished while a guest has it', async () => {
    const found = await device(FIRST, new FakeStore(TWO_DEVICES, 1), [red()], [card(SECOND, 'pciback')]);
    expect(found).toMatchObject({ present: false, place: { at: 'guest', domid: 1 }, path: '01_00.0' });
  });
});

describe('views that disagree', () => {
  test('libvirt believes what xenstore does not', async () => {
    const found = await device(FREE, new FakeStore(TWO_DEVICES, 1), [red(definition(FIRST, SECOND, FREE))]);
    expect(found.place).toEqual({ at: 'assignable' });
    expect(found.divergence).toBe('xenstore shows it in no guest; libvirt shows it in red');
  });

  test('xenstore shows what libvirt does not know', async () => {
    const found = await device(FIRST, new FakeStore(TWO_DEVICES, 1), [red(definition(SECOND))]);
    expect(found.place).toMatchObject({ at: 'guest', domid: 1 });
    expect(found.divergence).toBe('xenstore shows it in red; libvirt shows it in no guest');
  });

  test('a domain that only xl knows is no disagreement', async () => {
    expect(await device(FIRST, new FakeStore(TWO_DEVICES, 1), [])).not.toHaveProperty('divergence');
  });

  test('nor is one that is starting or stopping', async () => {
    const domain = { ...red(definition(FREE)), state: 'changing' as const };
    expect(await device(FREE, new FakeStore(TWO_DEVICES, 1), [domain])).not.toHaveProperty('divergence');
    const gone = new FakeStore(TWO_DEVICES);
    expect(await device(FREE, gone, [red(definition(FREE))])).not.toHaveProperty('divergence');
  });

  test("the toolstack's mark of a domain that is gone", async () => {
    const store = new FakeStore(TWO_DEVICES, 1);
    store.set('/libxl/pci/0000-04-00-0/domid', '7');
    const found = await device(FREE, store, [red()]);
    expect(found.place).toEqual({ at: 'assignable' });
    expect(found.divergence).toBe(
      'xenstore shows it in no guest; libxl has marked it as given to domain 7, which is gone',
    );
  });

  test('two guests: the mark decides, and it is said', async () => {
    const store = new FakeStore(TWO_DEVICES, 1, 9);
    store.set('/local/domain/9/name', 'blue');
    store.set('/local/domain/0/backend/pci/9/0/dev-0', FIRST);
    store.set('/libxl/pci/0000-01-00-0/domid', '9');
    const found = await device(FIRST, store, [red()]);
    expect(found.place).toMatchObject({ at: 'guest', domid: 9 });
    expect(found.divergence).toContain('in blue and red');
    expect(found.settled).toBe(false);
  });

  test('two guests and no mark: it is not with the one from whom it is being taken', async () => {
    const store = new FakeStore(TWO_DEVICES, 1, 9);
    store.set('/local/domain/9/name', 'blue');
    store.set('/local/domain/0/backend/pci/9/0/dev-0', FIRST);
    store.set('/local/domain/0/backend/pci/1/0/state', '7');
    store.set('/local/domain/0/backend/pci/1/0/state-0', '5');
    store.set('/libxl/pci/0000-01-00-0/domid', undefined);
    const found = await device(FIRST, store, [red()]);
    expect(found.place).toMatchObject({ at: 'guest', domid: 9 });
    expect(found.settled).toBe(false);
  });
});

describe('a domain', () => {
  async function domain(name: string, store: FakeStore, ...libvirt: LibvirtDomain[]): Promise<ObservedDomain> {
    const found = (await look(store, libvirt)).domains.filter(candidate => candidate.name === name);
    expect(found).toHaveLength(1);
    return found[0] as ObservedDomain;
  }

  test('that runs under libvirt', async () => {
    expect(await domain('red', new FakeStore(TWO_DEVICES, 1), red())).toMatchObject({
      domid: 1,
      state: 'running',
      toolstack: 'libvirt',
      persistent: true,
      passthrough: 'on',
    });
  });

  test('that only xl knows', async () => {
    expect(await domain('red', new FakeStore(TWO_DEVICES, 1))).toMatchObject({
      uuid: RED_UUID,
      domid: 1,
      state: 'running',
      toolstack: 'xl',
      persistent: false,
      type: 'pv',
      passthrough: 'on',
      live: [],
    });
  });

  test('that is shut off', async () => {
    const off: LibvirtDomain = { name: 'red', uuid: RED_UUID, state: 'shutoff', stored: definition(FREE) };
    const found = await domain('red', new FakeStore(''), off);
    expect(found).toMatchObject({ state: 'shutoff', live: [], stored: { hostdevs: [{ address: FREE }] } });
    expect(found).not.toHaveProperty('domid');
  });

  test('that libvirt and xenstore see differently is changing', async () => {
    const off: LibvirtDomain = { name: 'red', uuid: RED_UUID, state: 'shutoff' };
    const rebooted = { ...red(), domid: 4 };
    expect(await domain('red', new FakeStore(TWO_DEVICES), red())).toMatchObject({ state: 'changing', domid: 1 });
    expect(await domain('red', new FakeStore(TWO_DEVICES, 1), off)).toMatchObject({ state: 'changing', domid: 1 });
    expect(await domain('red', new FakeStore(TWO_DEVICES, 1), rebooted)).toMatchObject({ state: 'changing', domid: 1 });
  });

  test('that is a stub domain is no domain of its own', async () => {
    const { domains } = await look(new FakeStore(STUB_DOMAIN, 5, 6), []);
    expect(domains.map(({ name, type }) => `${name} ${type}`)).toEqual(['win hvm']);
  });

  test('without any sign of passthrough is left for closer inspection', async () => {
    const plain = { ...red({ ...definition(), passthrough: false }), domid: 1 };
    const store = new FakeStore(TWO_DEVICES.replaceAll(/backend\/pci.*/g, 'x = ""'), 1);
    expect(await domain('red', store, plain)).toMatchObject({ passthrough: 'unknown', state: 'running' });
  });
});
