import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Address } from '../../../src/api/address.ts';
import { hostdevXml } from '../../../src/host/libvirt/definition.ts';
import { observe } from '../../../src/host/look/observe.ts';
import { PciIds } from '../../../src/host/sysfs/pci-ids.ts';
import type { Observed } from '../../../src/plan/observed.ts';
import { type FakeDom0, fakeDom0 } from './fake-dom0.ts';
import { writeTree } from './temp-tree.ts';

const never = new AbortController().signal;
const FREE = '0000:04:00.0' as Address;
const BACKEND = '/local/domain/0/backend/pci/1/0';

function look(dom0: FakeDom0): Promise<Observed> {
  writeTree(dom0.layout.procfs, 'sys/kernel/random/boot_id', '5d4b7a5e-0d0c-4a55-8b4f-6a1f3c2d1e00\n');
  return observe(dom0, new PciIds(''), never);
}

/** A definition of red with these devices. */
function definition(...addresses: Address[]): string {
  return `<domain><os><type machine='xenpv'>linux</type></os><devices>${addresses.map(address => hostdevXml(address, false)).join('')}</devices></domain>`;
}

/** Lets something happen once, after the other views have been read and before xenstore is looked at again. */
function onceRead(dom0: FakeDom0, happens: () => void): void {
  const { uses } = dom0;
  const read = uses.read.bind(uses);
  let isOver = false;
  uses.read = async devices => {
    const found = await read(devices);
    if (!isOver) happens();
    isOver = true;
    return found;
  };
}

describe('a look during which something moves', () => {
  test('shows all views of a guest that got a device meanwhile as they are after it', async () => {
    const dom0 = fakeDom0();
    dom0.libvirt.live = definition();
    dom0.libvirt.stored = definition();
    onceRead(dom0, () => {
      dom0.libvirt.live = definition(FREE);
      dom0.store.set(`${BACKEND}/num_devs`, '3');
      dom0.store.set(`${BACKEND}/dev-2`, FREE);
      dom0.store.set(`${BACKEND}/key-2`, FREE);
      dom0.store.set(`${BACKEND}/state-2`, '3');
      dom0.store.set(`${BACKEND}/vdev-2`, '0000:00:02.00');
    });
    const { devices, domains } = await look(dom0);
    expect(devices.get(FREE)?.place).toMatchObject({ at: 'guest', domain: 'red' });
    expect(domains[0]?.live.map(({ address }) => address)).toEqual([FREE]);
  });

  test('shows the driver of a device that was marked meanwhile as it is after that', async () => {
    const dom0 = fakeDom0();
    const address = '0000:03:00.0' as Address;
    onceRead(dom0, () => {
      const { sysfs } = dom0.layout;
      const link = join(sysfs, 'bus/pci/devices', address, 'driver');
      rmSync(link);
      symlinkSync(join(sysfs, 'bus/pci/drivers/pciback'), link);
      dom0.store.set('/libxl/pci/0000-03-00-0/driver_path', '/sys/bus/pci/drivers/e1000e');
    });
    const { devices } = await look(dom0);
    expect(devices.get(address)).toMatchObject({ driver: 'pciback', homeDriver: 'e1000e' });
  });

  test('shows what has left libvirt meanwhile no more', async () => {
    const dom0 = fakeDom0();
    onceRead(dom0, () => {
      dom0.libvirt.listDomains = async () => [];
      dom0.store.set(`${BACKEND}/num_devs`, '1');
    });
    const { domains } = await look(dom0);
    expect(domains.map(({ toolstack }) => toolstack)).toEqual(['xl']);
  });
});
