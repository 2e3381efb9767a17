import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadPciIds, PciIds } from '../../../src/host/sysfs/pci-ids.ts';
import { tempTree } from './temp-tree.ts';

const TEXT = `#
# List of PCI ID's
17aa  Lenovo
8086  Intel Corporation
	10d3  82574L Gigabit Network Connection
		8086 a01f  Gigabit CT Desktop Adapter
	f1a5  SSD 600P Series

# a remark and an empty line inside
	f1a6  SSD Pro 7600p
ffff  Illegal Vendor ID

C 01  Mass storage controller
	00  SCSI storage controller
	08  Non-Volatile memory controller
		02  NVM Express
C 02  Network controller
	00  Ethernet controller
`;
const INTEL = { vendor: '8086', device: '10d3', class: '0200' };

describe('pci.ids', () => {
  const ids = new PciIds(TEXT);

  test('names vendor, device, subsystem and class', () => {
    const card = { ...INTEL, subsystemVendor: '8086', subsystemDevice: 'a01f' };
    expect(ids.describe(card, '00')).toEqual({
      vendor: 'Intel Corporation',
      device: '82574L Gigabit Network Connection',
      subsystem: 'Gigabit CT Desktop Adapter',
      class: 'Ethernet controller',
    });
  });

  test('adds the programming interface to the class', () => {
    expect(ids.describe({ ...INTEL, class: '0108' }, '02').class).toBe('Non-Volatile memory controller (NVM Express)');
    expect(ids.describe({ ...INTEL, class: '0108' }, '7f').class).toBe('Non-Volatile memory controller');
  });

  test('reads on after remarks and empty lines', () => {
    expect(ids.describe({ ...INTEL, device: 'f1a6' }).device).toBe('SSD Pro 7600p');
  });

  test('shows numbers for what has no name', () => {
    const card = { vendor: 'abcd', device: '1234', subsystemVendor: '17aa', subsystemDevice: '2247', class: '0942' };
    expect(ids.describe(card)).toEqual({
      vendor: 'Vendor abcd',
      device: 'Device 1234',
      subsystem: 'Lenovo Device 2247',
      class: 'Class 0942',
    });
    expect(ids.describe({ ...INTEL, class: '0299' }).class).toBe('Network controller');
  });

  test('a vendor is no class, and a class no vendor', () => {
    expect(ids.describe({ ...INTEL, vendor: '0001', class: '8086' })).toMatchObject({
      vendor: 'Vendor 0001',
      class: 'Class 8086',
    });
  });

  test('any text is taken, and any card described', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('\t', '\n', ' ', '8', 'C', '#', 'a') }),
        fc.string(),
        (text, id) => {
          const described = new PciIds(text).describe({ vendor: id, device: id, class: id });
          expect(described.subsystem).toBe('');
        },
      ),
    );
  });

  test('the first list that is there is read', async () => {
    const root = tempTree({ 'hwdata/pci.ids': TEXT });
    const found = await loadPciIds([`${root}/misc/pci.ids`, `${root}/hwdata/pci.ids`]);
    expect(found.describe(INTEL).vendor).toBe('Intel Corporation');
  });

  test('without a list there are numbers', async () => {
    const found = await loadPciIds([`${tempTree()}/pci.ids`]);
    expect(found.describe(INTEL)).toMatchObject({ vendor: 'Vendor 8086', device: 'Device 10d3', class: 'Class 0200' });
  });
});
