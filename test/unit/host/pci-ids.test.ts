import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../../src/api/identity.ts';
import { loadPciIds, PciIds } from '../../../src/host/sysfs/pci-ids.ts';
import type { DeviceText } from '../../../src/plan/observed.ts';
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

  test('a list that begins and ends with a section is read whole', () => {
    const short = new PciIds('8086  Intel Corporation\n\t10d3  82574L');
    expect(short.describe({ vendor: '8086', device: '10d3' })).toMatchObject({
      vendor: 'Intel Corporation',
      device: '82574L',
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

  test('what is found is what reading the whole list finds', () => {
    const below = ['\t10d3  Card', '\t10d3  Other', '\t10d4  Next', '\t\t8086 a01f  Adapter', '\t\t8086 a01f  Third'];
    const classes = ['C 02  Network', '\t00  Ethernet', '\t\t02  Express', '8086  Intel', '17aa  Lenovo'];
    const odd = [
      '# remark',
      '',
      '\t',
      'odd',
      '\todd',
      '\t10d3  ',
      '\t10d3  y\r',
      '\t\t8086 a01f  z\u2028',
      '\t\t\t10d3  deep',
    ];
    const bad = [
      '8086  x\r',
      '\tC 10d3  c',
      ' 8086  w',
      '8086 a01f  v',
      '10d3',
      '\u00e9  ',
      '\t10d3  \u{1f600}',
      'C 0200  u',
    ];
    const line = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...below) },
      { weight: 3, arbitrary: fc.constantFrom(...classes) },
      { weight: 2, arbitrary: fc.constantFrom(...odd) },
      { weight: 1, arbitrary: fc.constantFrom(...bad) },
    );
    const card = { ...INTEL, subsystemVendor: '8086', subsystemDevice: 'a01f' };
    fc.assert(
      fc.property(fc.array(line, { maxLength: 24 }), fc.constantFrom('', '\n'), (lines, end) => {
        const text = lines.join('\n') + end;
        expect(new PciIds(text).describe(card, '02')).toEqual(readWhole(text, card, '02'));
      }),
      { numRuns: 2_000 },
    );
  });

  test('a name that is no UTF-8 is shown, and so are its neighbours', () => {
    const list = Buffer.concat([
      Buffer.from('8086  Intel\n\t10d3  82574'),
      Buffer.of(0xff, 0x0a),
      Buffer.from('\t10d4  Next'),
    ]);
    expect(new PciIds(list).describe(INTEL).device).toBe('82574\ufffd');
    expect(new PciIds(list).describe({ ...INTEL, device: '10d4' }).device).toBe('Next');
  });

  test('a section that is longer than what is searched at once ends where it ends', () => {
    const heading = '8086  Intel\n\t10d3  82574L\n\t0000  ';
    for (const bytes of [65_534, 65_535, 65_536, 65_537, 131_072, 131_073]) {
      const ids = new PciIds(`${heading.padEnd(bytes - 1, 'x')}\n17aa  Lenovo\n\t10d4  Other`);
      expect(ids.describe(INTEL).device).toBe('82574L');
      expect(ids.describe({ ...INTEL, device: '10d4' }).device).toBe('Device 10d4');
    }
  });

  test('more cards than are remembered are described as at first', () => {
    for (let id = 0; id < 10_000; id++) ids.describe({ ...INTEL, vendor: id.toString(16).padStart(4, '0') });
    expect(ids.describe(INTEL).device).toBe('82574L Gigabit Network Connection');
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

/** The same by taking the whole list apart: of a section that is there twice the first counts, of an entry the last. */
function readWhole(text: string, card: Required<Identity>, progIf: string): DeviceText {
  const sections = new Map<string, ReadonlyMap<string, string>>();
  for (const section of text.split(/\n(?=[^\t#\n])/)) {
    const id = /^(C [0-9a-f]{2}|[0-9a-f]{4}) {2}/.exec(section)?.[1];
    if (id !== undefined && !sections.has(id)) sections.set(id, namesIn(section));
  }
  const { vendor, device, subsystemVendor, subsystemDevice } = card;
  const vendorName = (id: string): string => sections.get(id)?.get('') ?? `Vendor ${id}`;
  const [base, sub] = [sections.get(`C ${card.class.slice(0, 2)}`), card.class.slice(2)];
  const name = base?.get(sub) ?? base?.get('') ?? `Class ${card.class}`;
  const detail = base?.get(`${sub}/${progIf}`);
  return {
    vendor: vendorName(vendor),
    device: sections.get(vendor)?.get(device) ?? `Device ${device}`,
    subsystem:
      sections.get(vendor)?.get(`${device}/${subsystemVendor} ${subsystemDevice}`) ??
      `${vendorName(subsystemVendor)} Device ${subsystemDevice}`,
    class: detail === undefined ? name : `${name} (${detail})`,
  };
}

function namesIn(section: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  let entry = '';
  for (const line of section.split('\n')) {
    const [, tabs, id = '', name = ''] = /^(\t{1,2}|(?:C )?)([0-9a-f]{2,4}(?: [0-9a-f]{4})?) {2}(.*)$/.exec(line) ?? [];
    if (tabs === '\t') entry = id;
    if (tabs === '\t\t') names.set(`${entry}/${id}`, name);
    else if (tabs !== undefined) names.set(tabs === '\t' ? id : '', name);
  }
  return names;
}
