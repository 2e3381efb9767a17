import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Address, parseAddress } from '../../../src/api/address.ts';
import { SysfsPci } from '../../../src/host/sysfs/sysfs.ts';
import { addCard, tempTree, writeTree } from './temp-tree.ts';

function at(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
}

/** Where a link leads; undefined when there is none any more. */
function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

describe('the PCI functions in sysfs', () => {
  test('shows identity, path, driver and reset methods', async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0000:00/0000:00:11.0', { class: '060400', secondaryBus: 1, subsystem: ['0000', '0000'] });
    addCard(sysfs, 'pci0000:00/0000:00:11.0/0000:01:00.0', {
      subsystem: ['17aa', '2247'],
      driver: 'e1000e',
      resets: 'flr bus',
    });
    const devices = await new SysfsPci(sysfs).list();
    expect(devices).toContainEqual({
      address: '0000:01:00.0',
      path: '00_11.0/00_00.0',
      identity: { vendor: '8086', device: '10d3', subsystemVendor: '17aa', subsystemDevice: '2247', class: '0200' },
      progIf: '00',
      insertion: expect.stringMatching(/^\d+$/),
      driver: 'e1000e',
      resetMethods: ['flr', 'bus'],
    });
    expect(devices).toContainEqual({
      address: '0000:00:11.0',
      path: '00_11.0',
      identity: { vendor: '8086', device: '10d3', class: '0604' },
      progIf: '00',
      insertion: expect.stringMatching(/^\d+$/),
      resetMethods: [],
    });
  });

  test('tells a card that was put in anew from one that stays, whatever driver has it', async () => {
    const sysfs = tempTree();
    const folder = 'pci0000:00/0000:00:04.0';
    addCard(sysfs, folder, { driver: 'e1000e' });
    const pci = new SysfsPci(sysfs);
    const insertion = async () => (await pci.device(at('0000:00:04.0')))?.insertion;
    const first = await insertion();
    unlinkSync(join(sysfs, 'devices', folder, 'driver'));
    expect(await insertion()).toBe(first);
    // As sysfs does, which gives a number to one folder only.
    renameSync(join(sysfs, 'devices', folder), join(sysfs, 'before'));
    rmSync(join(sysfs, 'bus/pci/devices/0000:00:04.0'));
    addCard(sysfs, folder, { driver: 'e1000e' });
    expect(await insertion()).not.toBe(first);
  });

  test('a path does not change when all bus numbers move', async () => {
    const paths: string[] = [];
    for (const first of [1, 7]) {
      const sysfs = tempTree();
      const hex = (bus: number): string => `0${bus.toString(16)}`;
      const root = 'pci0000:00/0000:00:1c.3';
      const upper = `${root}/0000:${hex(first)}:00.0`;
      addCard(sysfs, root, { secondaryBus: first });
      addCard(sysfs, upper, { secondaryBus: first + 1 });
      // The second one is a virtual function on the bus after the bridge's own.
      addCard(sysfs, `${upper}/0000:${hex(first + 1)}:02.1`);
      addCard(sysfs, `${upper}/0000:${hex(first + 2)}:10.0`);
      const devices = await new SysfsPci(sysfs).list();
      paths.push(
        devices
          .map(({ path }) => path)
          .sort()
          .join(' '),
      );
    }
    expect(paths[0]).toBe('00_1c.3 00_1c.3/00_00.0 00_1c.3/00_00.0/00_02.1 00_1c.3/00_00.0/01_10.0');
    expect(paths[1]).toBe(paths[0]);
  });

  test('segments are written, also the one that VMD makes below a device', async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0001:80/0001:80:01.0');
    addCard(sysfs, 'pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0');
    const devices = await new SysfsPci(sysfs).list();
    expect(devices.map(({ address, path }) => `${address} ${path}`).sort()).toEqual([
      '0001:80:01.0 0001_80_01.0',
      '10000:e0:06.0 10000_e0_06.0',
    ]);
  });

  test('names that are no address are passed over', async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0000:00/0000:00:01.0');
    addCard(sysfs, 'pci0000:00/0000:00:02.0/nonsense');
    addCard(sysfs, 'pci0000:00/00:03.0');
    expect((await new SysfsPci(sysfs).list()).map(({ address }) => address)).toEqual(['0000:00:01.0']);
  });

  test('a driver is read afresh, and an exchanged card is another card', async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0000:00/0000:00:01.0', { driver: 'e1000e' });
    const pci = new SysfsPci(sysfs);
    expect(await pci.device(at('00:01.0'))).toMatchObject({ driver: 'e1000e' });
    unlinkSync(join(sysfs, 'devices/pci0000:00/0000:00:01.0/driver'));
    expect(await pci.device(at('00:01.0'))).not.toHaveProperty('driver');
    rmSync(join(sysfs, 'bus/pci/devices/0000:00:01.0'));
    renameSync(join(sysfs, 'devices/pci0000:00/0000:00:01.0'), join(sysfs, 'old'));
    addCard(sysfs, 'pci0000:00/0000:00:01.0', { vendor: '1b36', device: '0010' });
    expect(await pci.device(at('00:01.0'))).toMatchObject({ identity: { vendor: '1b36', device: '0010' } });
  });

  test('a device that vanishes during the look is left out', async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0000:00/0000:00:01.0');
    symlinkSync('../../../devices/pci0000:00/0000:00:02.0', join(sysfs, 'bus/pci/devices/0000:00:02.0'));
    mkdirSync(join(sysfs, 'devices/pci0000:00/0000:00:03.0'));
    symlinkSync('../../../devices/pci0000:00/0000:00:03.0', join(sysfs, 'bus/pci/devices/0000:00:03.0'));
    const pci = new SysfsPci(sysfs);
    expect((await pci.list()).map(({ address }) => address)).toEqual(['0000:00:01.0']);
    expect(await pci.device(at('00:02.0'))).toBeUndefined();
  });

  test('is silent when its config space reads all ones; one that sleeps, and a bridge, are not asked', async () => {
    const sysfs = tempTree();
    const pci = new SysfsPci(sysfs);
    const silent = async (place: string): Promise<boolean> => (await pci.device(at(place)))?.silent === true;
    for (const [place, code] of [
      ['01', '020000'],
      ['02', '060400'],
    ] as const) {
      addCard(sysfs, `pci0000:00/0000:00:${place}.0`, { class: code });
      const folder = `devices/pci0000:00/0000:00:${place}.0`;
      expect(await silent(`00:${place}.0`)).toBe(false);
      writeFileSync(join(sysfs, folder, 'config'), Buffer.from([0x86, 0x80, 0xd3, 0x10, 0xff]));
      expect(await silent(`00:${place}.0`)).toBe(false);
      writeFileSync(join(sysfs, folder, 'config'), Buffer.alloc(256, 0xff));
      expect(await silent(`00:${place}.0`)).toBe(code === '020000');
      writeTree(sysfs, join(folder, 'power/runtime_status'), 'suspended\n');
      expect(await silent(`00:${place}.0`)).toBe(false);
    }
  });

  test('the config space of a bridge is not read', async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0000:00/0000:00:02.0', { class: '060400' });
    // Reading a folder would fail.
    mkdirSync(join(sysfs, 'devices/pci0000:00/0000:00:02.0/config'));
    expect(await new SysfsPci(sysfs).list()).toHaveLength(1);
  });

  test('of many, those that are silent are told from the others', async () => {
    const sysfs = tempTree();
    for (let slot = 1; slot < 16; slot++) {
      const address = `0000:00:0${slot.toString(16)}.0`;
      addCard(sysfs, `pci0000:00/${address}`);
      const ids = slot % 5 === 0 ? Buffer.alloc(64, 0xff) : Buffer.from([0x86, 0x80, 0xd3, 0x10]);
      // Of some there is nothing to read.
      if (slot % 3 !== 0 || slot % 5 === 0) writeFileSync(join(sysfs, `devices/pci0000:00/${address}/config`), ids);
    }
    const silent = (await new SysfsPci(sysfs).list()).filter(device => device.silent === true);
    expect(silent.map(({ address }) => address).sort()).toEqual(['0000:00:05.0', '0000:00:0a.0', '0000:00:0f.0']);
  });

  test('where one cannot be read, none is known, and no file stays open', async () => {
    const sysfs = tempTree();
    for (const slot of ['01', '02', '03']) addCard(sysfs, `pci0000:00/0000:00:${slot}.0`);
    for (const slot of ['01', '03']) writeFileSync(join(sysfs, `devices/pci0000:00/0000:00:${slot}.0/config`), 'abcd');
    // A folder can be opened, and not read.
    mkdirSync(join(sysfs, 'devices/pci0000:00/0000:00:02.0/config'));
    await expect(new SysfsPci(sysfs).list()).rejects.toMatchObject({ code: 'Unreachable' });
    const isOpen = (file: string): boolean => (readLink(`/proc/self/fd/${file}`) ?? '').startsWith(sysfs);
    await expect.poll(() => readdirSync('/proc/self/fd').filter(isOpen)).toEqual([]);
  });

  test('knows virtual functions', async () => {
    const sysfs = tempTree();
    addCard(sysfs, 'pci0000:00/0000:00:01.0');
    addCard(sysfs, 'pci0000:00/0000:00:01.1');
    symlinkSync('../0000:00:01.0', join(sysfs, 'devices/pci0000:00/0000:00:01.1/physfn'));
    const pci = new SysfsPci(sysfs);
    expect(await pci.device(at('00:01.0'))).not.toHaveProperty('virtual');
    expect(await pci.device(at('00:01.1'))).toMatchObject({ virtual: true });
  });

  test('without sysfs nothing is known', async () => {
    await expect(new SysfsPci(tempTree()).list()).rejects.toMatchObject({ code: 'Unreachable' });
  });

  test('lists permissive devices', async () => {
    const sysfs = tempTree();
    expect(await new SysfsPci(sysfs).permissive()).toEqual(new Set());
    writeTree(sysfs, 'bus/pci/drivers/pciback/permissive', '0000:01:00.0\n0000:04:00.0\n');
    expect(await new SysfsPci(sysfs).permissive()).toEqual(new Set(['0000:01:00.0', '0000:04:00.0']));
  });
});
