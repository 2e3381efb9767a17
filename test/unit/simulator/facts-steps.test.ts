import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import {
  LIBVIRT_11_0,
  LibvirtRefusal,
  type Model,
  nodedevDetach,
  observe,
  plainHostdev,
  probeDriver,
  unbindDriver,
  worksInDom0,
} from '../../../src/simulator/index.ts';
import { BARE, model, NIC, NIC2, NOWHERE, NVME, xl } from './world.ts';

const LIVE = { live: true, stored: false };
const STORED = { live: false, stored: true };
const BOTH = { live: true, stored: true };

function refusal(act: () => void): { code: number; message: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof LibvirtRefusal) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

function device(dom0: Model, address: Address) {
  const found = dom0.dom0.devices.get(address);
  if (found === undefined) throw new Error(`no ${address}`);
  return found;
}

function attach(dom0: Model, name: string, address: Address, affected = LIVE): void {
  dom0.libvirt.attach(dom0.domain(name), plainHostdev(address), affected);
}

function detach(dom0: Model, name: string, address: Address, affected = LIVE): void {
  dom0.libvirt.detach(dom0.domain(name), plainHostdev(address), affected);
}

function attached(name: string, ...addresses: Address[]): Model {
  const dom0 = model();
  for (const address of addresses) {
    xl(dom0, `pci-assignable-add ${address}`);
    attach(dom0, name, address);
    dom0.settle();
  }
  return dom0;
}

const place = (dom0: Model, address: Address) => observe(dom0).devices.get(address)?.place;
const guest = (domain: string, domid: number) => ({ at: 'guest', domain, domid });
const note = (dom0: Model, key: string) => dom0.dom0.store.read(`/libxl/pci/0000-01-00-0/${key}`);

describe('xl pci-assignable-add', () => {
  test('binds to pciback, quarantines, and records the driver', () => {
    const dom0 = model();
    expect(xl(dom0, 'pci-assignable-add 01:00.0')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(device(dom0, NIC)).toMatchObject({ driver: 'pciback', quarantined: true });
    expect(note(dom0, 'driver_path')).toBe('/sys/bus/pci/drivers/e1000e');
    expect(xl(dom0, 'pci-assignable-list').stdout).toBe('0000:01:00.0\n');
  });

  test('the same again is a warning, and changes nothing', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    const again = xl(dom0, 'pci-assignable-add 01:00.0');
    expect(again.status).toBe(0);
    expect(again.stderr).toContain('0000:01:00.0 already assigned to pciback');
    expect(note(dom0, 'driver_path')).toBe('/sys/bus/pci/drivers/e1000e');
  });

  test('of a device that does not exist fails', () => {
    const answer = xl(model(), 'pci-assignable-add 99:00.0');
    expect(answer.status).toBe(1);
    expect(answer.stderr).toContain("Couldn't lstat /sys/bus/pci/devices/0000:99:00.0");
  });

  test('of something that is no address fails with 2', () => {
    expect(xl(model(), 'pci-assignable-add nonsense').status).toBe(2);
  });
});

describe('xl pci-assignable-remove -r', () => {
  test('gives a device back that works, also after a guest had it', () => {
    const dom0 = attached('sys-net', NVME);
    detach(dom0, 'sys-net', NVME);
    const answer = xl(dom0, 'pci-assignable-remove -r 02:00.0');
    expect(answer.stderr).toContain('Rebinding to driver at /sys/bus/pci/drivers/nvme');
    expect(answer.status).toBe(0);
    expect(device(dom0, NVME).driver).toBe('nvme');
    expect(worksInDom0(device(dom0, NVME))).toBe(true);
  });

  test('is refused while a guest has the device', () => {
    const dom0 = attached('sys-net', NIC);
    const answer = xl(dom0, 'pci-assignable-remove -r 01:00.0');
    expect(answer.status).toBe(1);
    expect(answer.stderr).toContain('failed to de-quarantine 0000:01:00.0');
    expect(place(dom0, NIC)).toEqual(guest('sys-net', 1));
  });

  test('leaves the device on no driver when none is recorded', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    dom0.dom0.store.remove('/libxl/pci/0000-01-00-0/driver_path');
    const answer = xl(dom0, 'pci-assignable-remove -r 01:00.0');
    expect(answer.status).toBe(0);
    expect(answer.stderr).toContain("Couldn't find path for original driver; not rebinding");
    expect(device(dom0, NIC)).toMatchObject({ driver: undefined, quarantined: false });
  });

  test('is refused for a device that was never in quarantine', () => {
    const dom0 = model();
    nodedevDetach(dom0.dom0, device(dom0, NIC));
    expect(device(dom0, NIC)).toMatchObject({ driver: 'pciback', quarantined: false });
    expect(xl(dom0, 'pci-assignable-remove -r 01:00.0').stderr).toContain('failed to de-quarantine');
    xl(dom0, 'pci-assignable-add 01:00.0');
    expect(xl(dom0, 'pci-assignable-remove -r 01:00.0').stderr).toContain("Couldn't find path for original driver");
  });

  test('a release by sysfs after a guest had it leaves a driver that fails', () => {
    const dom0 = attached('sys-net', NVME);
    detach(dom0, 'sys-net', NVME);
    unbindDriver(dom0.dom0, device(dom0, NVME));
    probeDriver(dom0.dom0, device(dom0, NVME));
    expect(device(dom0, NVME)).toMatchObject({ driver: 'nvme', quarantined: true });
    expect(worksInDom0(device(dom0, NVME))).toBe(false);
  });
});

describe('libvirt attach', () => {
  test('to a running domain with passthrough', () => {
    const dom0 = attached('sys-net', NIC);
    expect(place(dom0, NIC)).toEqual(guest('sys-net', 1));
    expect(note(dom0, 'domid')).toBe('1');
    expect(observe(dom0).domains[0]?.live).toEqual([{ address: NIC, managed: false, permissive: false }]);
    expect(device(dom0, NIC).quarantined).toBe(false);
  });

  test.each([
    ['not on pciback', 'sys-net', NIC, false, 55, 'Unmanaged PCI device 0000:01:00.0 must be manually detached'],
    ['without passthrough', 'legacy', NIC, true, 1, 'libxenlight failed to attach pci device 0000:01:00.0'],
    ['without any reset', 'sys-net', BARE, true, 1, 'Unable to reset PCI device 0000:00:1a.0: no FLR, PM reset or bus'],
    ['of no device', 'sys-net', NOWHERE, true, 1, 'libxenlight failed to attach pci device 0000:99:00.0'],
    ['to a domain that is off', 'media', NIC, true, 55, 'domain is not running'],
  ])('%s is refused', (_name, domain, address, bind, code, message) => {
    const dom0 = model();
    if (bind) xl(dom0, `pci-assignable-add ${address}`);
    const before = observe(dom0);
    const answer = refusal(() => attach(dom0, domain, address));
    expect(answer.code).toBe(code);
    expect(answer.message).toContain(message);
    expect(observe(dom0)).toEqual(before);
  });

  test('twice to the same domain is refused', () => {
    const dom0 = attached('sys-net', NIC);
    expect(refusal(() => attach(dom0, 'sys-net', NIC))).toEqual({
      code: 9,
      message: 'operation failed: target pci device 0000:01:00.0 already exists',
    });
  });

  test('to another domain is refused, and says whose it is', () => {
    const dom0 = attached('sys-net', NIC);
    expect(refusal(() => attach(dom0, 'storage', NIC))).toEqual({
      code: 55,
      message: 'Requested operation is not valid: PCI device 0000:01:00.0 is in use by driver xenlight, domain sys-net',
    });
  });

  test('while a domain of xl has the device is refused by libxl, and the holder keeps it', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    dom0.createByXl({ name: 'red', uuid: 'red', devices: [NIC] });
    expect(refusal(() => attach(dom0, 'sys-net', NIC)).message).toContain('libxenlight failed to attach');
    expect(place(dom0, NIC)).toMatchObject({ domain: 'red' });
  });

  test('live and stored, and stored only', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    attach(dom0, 'sys-net', NIC, BOTH);
    attach(dom0, 'sys-net', NVME, STORED);
    const [domain] = observe(dom0).domains;
    expect(domain?.live.map(entry => entry.address)).toEqual([NIC]);
    expect(domain?.stored?.hostdevs.map(entry => entry.address)).toEqual([NIC, NVME]);
    expect(place(dom0, NVME)).toEqual({ at: 'host' });
  });

  test('with writeFiltering=no is permissive until the device leaves pciback', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 01:00.0');
    dom0.libvirt.attach(dom0.domain('sys-net'), { ...plainHostdev(NIC), permissive: true }, LIVE);
    expect(observe(dom0).devices.get(NIC)?.permissive).toBe(true);
    detach(dom0, 'sys-net', NIC);
    expect(device(dom0, NIC).permissive).toBe(true);
    xl(dom0, 'pci-assignable-remove -r 01:00.0');
    expect(device(dom0, NIC).permissive).toBe(false);
  });
});

describe('detach', () => {
  test('leaves the device on pciback, in quarantine, without a mark', () => {
    const dom0 = attached('sys-net', NIC);
    detach(dom0, 'sys-net', NIC);
    expect(place(dom0, NIC)).toEqual({ at: 'assignable' });
    expect(device(dom0, NIC).quarantined).toBe(true);
    expect(note(dom0, 'domid')).toBeUndefined();
  });

  test('of what is not attached is refused', () => {
    expect(refusal(() => detach(model(), 'sys-net', NVME))).toEqual({
      code: 9,
      message: 'operation failed: host pci device 0000:02:00.0 not found',
    });
  });

  test("behind libvirt's back: it goes on believing, then blocks the device, and believes again after a restart", () => {
    const dom0 = attached('sys-net', NIC);
    expect(xl(dom0, 'pci-detach sys-net 01:00.0').status).toBe(0);
    expect(observe(dom0).devices.get(NIC)).toMatchObject({
      place: { at: 'assignable' },
      divergence: 'xenstore says no guest, libvirt says sys-net',
    });
    expect(refusal(() => detach(dom0, 'sys-net', NIC)).message).toContain('libxenlight failed to detach pci device');
    expect(observe(dom0).domains[0]?.live).toEqual([]);
    expect(refusal(() => attach(dom0, 'storage', NIC)).message).toContain(
      'is in use by driver xenlight, domain sys-net',
    );
    dom0.libvirt.restart();
    expect(observe(dom0).domains[0]?.live).toMatchObject([{ address: NIC }]);
    expect(refusal(() => attach(dom0, 'storage', NIC)).message).toContain(
      'is in use by driver xenlight, domain sys-net',
    );
    expect(xl(dom0, 'pci-attach storage 01:00.0').status).toBe(0);
    expect(place(dom0, NIC)).toEqual(guest('storage', 2));
  });

  test('by xl of what is not attached fails', () => {
    expect(xl(model(), 'pci-detach sys-net 01:00.0').status).toBe(1);
  });

  test('in libvirt 11 without a driver name leaves the device in use', () => {
    const dom0 = model({ libvirtVersion: LIBVIRT_11_0 });
    xl(dom0, 'pci-assignable-add 01:00.0');
    attach(dom0, 'sys-net', NIC);
    dom0.settle();
    dom0.libvirt.detach(dom0.domain('sys-net'), { ...plainHostdev(NIC), driverNamed: false }, LIVE);
    expect(refusal(() => attach(dom0, 'storage', NIC)).message).toContain('is in use by driver xenlight');
  });
});

describe('xl pci-attach', () => {
  test('of a device without any reset works, and libxl logs it', () => {
    const dom0 = model();
    xl(dom0, 'pci-assignable-add 00:1a.0');
    const answer = xl(dom0, 'pci-attach sys-net 00:1a.0,permissive=1');
    expect(answer.status).toBe(0);
    expect(answer.stderr).toContain("The kernel doesn't support reset from sysfs for PCI device 0000:00:1a.0");
    expect(place(dom0, BARE)).toEqual(guest('sys-net', 1));
    expect(observe(dom0).devices.get(BARE)).toMatchObject({
      permissive: true,
      divergence: 'xenstore says sys-net, libvirt says no guest',
    });
  });

  test('of a device that another guest has fails, and the guest keeps it', () => {
    const dom0 = attached('sys-net', NIC2);
    expect(xl(dom0, 'pci-attach storage 03:00.0').status).toBe(1);
    expect(xl(dom0, 'pci-attach storage 03:00.0').status).toBe(1);
    expect(place(dom0, NIC2)).toEqual(guest('sys-net', 1));
  });

  test('to a domain nobody knows fails', () => {
    expect(xl(model(), 'pci-attach nobody 01:00.0')).toMatchObject({
      status: 1,
      stderr: 'nobody is an invalid domain identifier (rc=-6)\n',
    });
  });
});
