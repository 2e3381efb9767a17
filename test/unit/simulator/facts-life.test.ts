import { describe, expect, test } from 'vitest';
import type { LifecycleNotice } from '../../../src/simulator/index.ts';
import {
  backendPath,
  LIBVIRT_11_0,
  type Model,
  observe,
  plainHostdev,
  plug,
  unplug,
} from '../../../src/simulator/index.ts';
import { model, NIC, NIC2, NOWHERE, NVME, xl } from './world.ts';

const LIVE = { live: true, stored: false };
const STORED = { live: false, stored: true };

function give(dom0: Model, name: string, ...devices: (typeof NIC)[]): void {
  for (const address of devices) {
    xl(dom0, `pci-assignable-add ${address}`);
    dom0.libvirt.attach(dom0.domain(name), plainHostdev(address), LIVE);
    dom0.settle();
  }
}

function store(dom0: Model, name: string, address: typeof NIC): void {
  dom0.libvirt.attach(dom0.domain(name), plainHostdev(address), STORED);
}

const place = (dom0: Model, address: typeof NIC) => observe(dom0).devices.get(address)?.place;
const domain = (dom0: Model, name: string) => observe(dom0).domains.find(candidate => candidate.name === name);

/** The paths that change while `act` runs, shortened below the PCI backend of `domid`. */
function changes(dom0: Model, domid: number, act: () => void): string[] {
  const seen: string[] = [];
  const stop = dom0.dom0.store.onChange(path => seen.push(path.replace(`${backendPath(domid)}/`, '')));
  act();
  stop();
  return seen;
}

function events(dom0: Model): string[] {
  const seen: string[] = [];
  dom0.libvirt.onLifecycle(({ domain: { name }, event, detail }: LifecycleNotice) =>
    seen.push(`${name} ${event} ${detail}`),
  );
  return seen;
}

describe('a domain ends', () => {
  test('by destroy: its devices stay on pciback and in quarantine, and its entries go', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC);
    dom0.destroy('sys-net');
    expect(place(dom0, NIC)).toEqual({ at: 'assignable' });
    expect(dom0.dom0.devices.get(NIC)).toMatchObject({ driver: 'pciback', quarantined: true });
    expect(xl(dom0, 'pci-assignable-list').stdout).toBe('0000:01:00.0\n');
    expect(dom0.dom0.store.find('/local/domain/0/backend/pci')).toBeUndefined();
  });

  test('right after its start: a stale entry stays, and holds nothing', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    store(dom0, 'media', NIC);
    dom0.start('media');
    const domid = domain(dom0, 'media')?.domid ?? 0;
    dom0.destroy('media');
    const read = (key: string) => dom0.dom0.store.read(`${backendPath(domid)}/${key}`);
    expect([read('state'), read('state-0'), read('dev-0')]).toEqual(['6', '5', '0000:01:00.0']);
    expect(place(dom0, NIC)).toEqual({ at: 'assignable' });
    dom0.start('media');
    dom0.settle();
    expect(place(dom0, NIC)).toMatchObject({ domain: 'media', domid: domid + 1 });
  });

  test('destroyed, powered off, crashed: each is told by its own number', () => {
    const dom0 = model();
    const seen = events(dom0);
    for (const end of ['destroy', 'powerOff', 'crash'] as const) {
      dom0[end]('sys-net');
      dom0.start('sys-net');
    }
    expect(seen.filter(text => text.includes('stopped'))).toEqual([
      'sys-net stopped 1',
      'sys-net stopped 0',
      'sys-net stopped 2',
    ]);
  });
});

describe('a guest reboots', () => {
  test('it has another domain id, and what was only hot-attached stays on pciback', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 02:00.0');
    dom0.libvirt.attach(dom0.domain('sys-net'), plainHostdev(NVME), { live: true, stored: true });
    give(dom0, 'sys-net', NIC);
    const seen = events(dom0);
    dom0.reboot('sys-net');
    dom0.settle();
    expect(domain(dom0, 'sys-net')?.domid).toBe(4);
    expect(place(dom0, NIC)).toEqual({ at: 'assignable' });
    expect(place(dom0, NVME)).toMatchObject({ domain: 'sys-net', domid: 4 });
    expect(seen).toEqual(['sys-net started 0', 'sys-net stopped 0']);
  });
});

describe('a domain starts', () => {
  test('with a stored device that is on pciback: it is there from the start, and passthrough is on', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    store(dom0, 'media', NIC);
    dom0.start('media');
    expect(place(dom0, NIC)).toMatchObject({ domain: 'media' });
    expect(domain(dom0, 'media')).toMatchObject({ passthrough: 'on', stored: { passthrough: false } });
  });

  test('not with a device on its dom0 driver: 9.0 names it, 11.3 does not', () => {
    const old = model();
    store(old, 'media', NIC);
    expect(() => old.start('media')).toThrow('Unmanaged PCI device 0000:01:00.0 must be manually detached');
    const recent = model({ libvirtVersion: LIBVIRT_11_0 });
    store(recent, 'media', NIC);
    expect(() => recent.start('media')).toThrow("libxenlight failed to create new domain 'media'");
    expect(domain(recent, 'media')?.state).toBe('shutoff');
  });

  test('not with a device that does not exist', () => {
    const dom0 = model();
    store(dom0, 'media', NOWHERE);
    expect(() => dom0.start('media')).toThrow("internal error: libxenlight failed to create new domain 'media'");
  });

  test('not with a device that another one has', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC);
    store(dom0, 'media', NIC);
    expect(() => dom0.start('media')).toThrow('is in use by driver xenlight, domain sys-net');
    expect(place(dom0, NIC)).toMatchObject({ domain: 'sys-net' });
  });

  test('not as PVH with a device, though define accepts it', () => {
    const domains = [{ name: 'box', uuid: 'box', type: 'pvh', devices: [NIC] } as const];
    const dom0 = model({ domains });
    xl(dom0, 'pci-assignable-add 01:00.0');
    expect(() => dom0.start('box')).toThrow("libxenlight failed to create new domain 'box'");
    expect(place(dom0, NIC)).toEqual({ at: 'assignable' });
  });
});

describe('libvirtd restarts', () => {
  test('nothing is lost, and its belief is what the live definitions say', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC);
    const before = observe(dom0);
    dom0.libvirt.restart();
    expect(observe(dom0)).toEqual(before);
    expect(dom0.libvirt.user(NIC)).toBe('sys-net');
  });
});

describe('a domain of xl', () => {
  test('is not listed by libvirt, and xenstore shows it', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    expect(dom0.createByXl({ name: 'red', uuid: 'red', passthrough: true }).ok).toBe(true);
    expect(xl(dom0, 'pci-attach red 01:00.0').status).toBe(0);
    expect(dom0.libvirt.domains().map(({ name }) => name)).not.toContain('red');
    expect(place(dom0, NIC)).toMatchObject({ domain: 'red' });
    expect(xl(dom0, 'pci-list red').stdout).toBe('Vdev Device\n00.0 0000:01:00.0\n');
    expect(xl(dom0, 'destroy red').status).toBe(0);
    expect(place(dom0, NIC)).toEqual({ at: 'assignable' });
  });
});

describe('xenstore', () => {
  test('while two devices are attached', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC, NVME);
    const node = dom0.dom0.store.find(backendPath(1));
    const content = Object.fromEntries([...(node?.children ?? [])].map(([key, child]) => [key, child.value]));
    expect(content).toMatchObject({
      frontend: '/local/domain/1/device/pci/0',
      'frontend-id': '1',
      online: '1',
      state: '4',
      domain: 'sys-net',
      num_devs: '2',
      'key-0': '0000:01:00.0',
      'dev-0': '0000:01:00.0',
      'vdev-0': '0000:00:00.00',
      'state-0': '3',
      'opts-0': 'msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict',
      root_num: '1',
      'root-0': '0000:00',
    });
    expect(node?.permissions).toEqual(['n0', 'r1']);
  });

  test('an attach has not settled before the guest answers', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC);
    xl(dom0, 'pci-assignable-add 02:00.0');
    dom0.libvirt.attach(dom0.domain('sys-net'), plainHostdev(NVME), LIVE);
    expect(dom0.dom0.store.read(`${backendPath(1)}/state`)).toBe('7');
    expect(observe(dom0).devices.get(NVME)?.settled).toBe(false);
    expect(changes(dom0, 1, () => dom0.settle())).toEqual(['vdev-1', 'state-1', 'state', 'state']);
    expect(observe(dom0).devices.get(NVME)?.settled).toBe(true);
  });

  test('a detach of the first of two renumbers the second, key by key', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC, NVME);
    const seen = changes(dom0, 1, () => dom0.libvirt.detach(dom0.domain('sys-net'), plainHostdev(NIC), LIVE));
    expect(seen.slice(0, 11)).toEqual(
      'state state-0 state state state state-0 key-0 dev-0 vdev-0 opts-0 num_devs'.split(' '),
    );
    expect(seen.filter(path => /-1$/.test(path))).toEqual(['state-1', 'dev-1', 'key-1', 'vdev-1', 'opts-1']);
    expect(dom0.dom0.store.read(`${backendPath(1)}/dev-0`)).toBe(NVME);
    expect(dom0.dom0.store.find(`${backendPath(1)}/dev-1`)).toBeUndefined();
  });

  test('a destroy ends with the empty folders and @releaseDomain', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC, NIC2);
    const seen = changes(dom0, 1, () => dom0.destroy('sys-net'));
    const root = '/local/domain/0/backend/pci';
    expect(seen.filter(path => path.startsWith(root))).toEqual([backendPath(1), `${root}/1`, root]);
    expect(seen.at(-1)).toBe('@releaseDomain');
  });
});

describe('devices', () => {
  test('vanish from a guest, and return on their dom0 driver, also as another card', () => {
    const dom0 = model();
    give(dom0, 'sys-net', NIC);
    unplug(dom0.dom0, NIC);
    expect(observe(dom0).devices.get(NIC)).toMatchObject({ present: false, place: { at: 'guest' } });
    dom0.destroy('sys-net');
    expect(observe(dom0).devices.has(NIC)).toBe(false);
    expect(plug(dom0.dom0, NIC, { identity: { vendor: '1b36', device: '0010' }, homeDriver: 'nvme' })).toBe(true);
    expect(observe(dom0).devices.get(NIC)).toMatchObject({
      present: true,
      driver: 'nvme',
      identity: { vendor: '1b36' },
      place: { at: 'host' },
      path: '00_11.0/00_00.0',
    });
  });
});
