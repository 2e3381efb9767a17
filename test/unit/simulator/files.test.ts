import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  nodedevDetach,
  plainHostdev,
  plug,
  type SimulatedDom0,
  unplug,
  worksInDom0,
} from '../../../src/simulator/index.ts';
import { running } from './running.ts';
import { NIC, NVME, xl } from './world.ts';

const bus = ({ layout }: SimulatedDom0, ...path: string[]) => join(layout.sysfs, 'bus/pci', ...path);
const read = (path: string) => readFileSync(path, 'utf8');
const driverOf = (dom0: SimulatedDom0, address = NIC) => {
  const path = bus(dom0, 'devices', address, 'driver');
  return existsSync(path) ? readlinkSync(path).split('/').at(-1) : undefined;
};
const device = (dom0: SimulatedDom0, address = NIC) => {
  const found = dom0.model.dom0.devices.get(address);
  if (found === undefined) throw new Error(`no ${address}`);
  return found;
};

describe('sysfs', () => {
  test('shows devices where Linux has them', async () => {
    const dom0 = await running();
    const folder = bus(dom0, 'devices', NIC);
    const real = realpathSync(join(dom0.layout.sysfs, 'devices/pci0000:00/0000:00:11.0/0000:01:00.0'));
    expect(realpathSync(folder)).toBe(real);
    const names = [
      'vendor',
      'device',
      'subsystem_vendor',
      'subsystem_device',
      'class',
      'reset_method',
      'driver_override',
    ];
    expect(names.map(name => read(join(folder, name)).trim())).toEqual([
      '0x8086',
      '0x10d3',
      '0x8086',
      '0x0000',
      '0x020000',
      'flr bus',
      '(null)',
    ]);
    expect(read(bus(dom0, 'devices/0000:00:11.0/secondary_bus_number'))).toBe('1\n');
    expect(existsSync(bus(dom0, 'devices/0000:00:11.0/reset_method'))).toBe(false);
    expect(realpathSync(bus(dom0, 'drivers/e1000e', NIC))).toBe(real);
  });

  test('follows drivers and pciback', async () => {
    const dom0 = await running();
    xl(dom0.model, 'pci-assignable-add 01:00.0');
    expect(driverOf(dom0)).toBe('pciback');
    expect(existsSync(bus(dom0, 'drivers/e1000e', NIC))).toBe(false);
    expect(existsSync(bus(dom0, 'drivers/pciback', NIC))).toBe(true);
    xl(dom0.model, 'pci-attach sys-net 01:00.0,permissive=1');
    expect(read(bus(dom0, 'drivers/pciback/permissive'))).toBe(`${NIC}\n`);
    xl(dom0.model, 'pci-detach sys-net 01:00.0');
    xl(dom0.model, 'pci-assignable-remove -r 01:00.0');
    expect(driverOf(dom0)).toBe('e1000e');
    expect(read(bus(dom0, 'drivers/pciback/permissive'))).toBe('');
  });

  test('loses a device that is pulled, and shows the card that comes', async () => {
    const dom0 = await running();
    const before = statSync(bus(dom0, 'devices', NIC)).ino;
    unplug(dom0.model.dom0, NIC);
    expect(readdirSync(bus(dom0, 'devices'))).not.toContain(NIC);
    expect(existsSync(bus(dom0, 'drivers/e1000e', NIC))).toBe(false);
    plug(dom0.model.dom0, NIC, { identity: { vendor: '10ec', device: '8168', class: '0200' }, homeDriver: 'r8169' });
    expect(read(bus(dom0, 'devices', NIC, 'vendor'))).toBe('0x10ec\n');
    expect(driverOf(dom0)).toBe('r8169');
    expect(statSync(bus(dom0, 'devices', NIC)).ino).not.toBe(before);
  });

  test('does what is written to bind, unbind and drivers_probe', async () => {
    const dom0 = await running();
    const write = (path: string, text: string) => writeFileSync(bus(dom0, path), text, { flag: 'r+' });
    write('drivers/e1000e/unbind', NIC);
    await expect.poll(() => driverOf(dom0)).toBeUndefined();
    write('drivers/nvme/bind', NIC);
    write('drivers/e1000e/bind', NIC);
    await expect.poll(() => driverOf(dom0)).toBe('e1000e');
    expect(worksInDom0(device(dom0))).toBe(true);
    write('drivers/e1000e/unbind', NIC);
    await expect.poll(() => driverOf(dom0)).toBeUndefined();
    write('drivers_probe', `${NIC}\n`);
    await expect.poll(() => driverOf(dom0)).toBe('e1000e');
  });

  test('has driver_override, which nodedev-detach leaves behind', async () => {
    const dom0 = await running();
    nodedevDetach(dom0.model.dom0, device(dom0));
    const path = bus(dom0, 'devices', NIC, 'driver_override');
    expect(read(path)).toBe('pciback\n');
    expect(device(dom0).quarantined).toBe(false);
    writeFileSync(path, '\n', { flag: 'r+' });
    await expect.poll(() => read(path)).toBe('(null)\n');
    expect(device(dom0).driverOverride).toBeUndefined();
  });
});

describe("libxl's notes", () => {
  test('say how an instance was created, and go with it', async () => {
    const dom0 = await running();
    const names = () => readdirSync(dom0.layout.libxlUserdata).sort();
    const config = (domid: number, name: string) => {
      const { uuid } = dom0.model.domain(name);
      const text = read(join(dom0.layout.libxlUserdata, `userdata-d.${domid}.${uuid}.libxl-json`));
      return JSON.parse(text.replace('\0', ''));
    };
    expect(config(1, 'sys-net').c_info).toMatchObject({ type: 'pv', name: 'sys-net', passthrough: 'enabled' });
    expect(config(3, 'legacy').c_info).not.toHaveProperty('passthrough');
    xl(dom0.model, 'pci-assignable-add 02:00.0');
    dom0.model.libvirt.attach(dom0.model.domain('sys-net'), plainHostdev(NVME), { live: true, stored: false });
    expect(config(1, 'sys-net').pcidevs).toHaveLength(1);
    expect(names()).toHaveLength(6);
    dom0.model.destroy('sys-net');
    expect(names()).toHaveLength(4);
  });
});

test('proc says that this is dom0, and which boot', async () => {
  const { layout, model } = await running();
  expect(read(join(layout.procfs, 'xen/capabilities'))).toBe('control_d\n');
  expect(read(join(layout.procfs, 'sys/kernel/random/boot_id'))).toBe(`${model.dom0.bootId}\n`);
});
