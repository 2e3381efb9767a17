import { PciIds } from '../../../src/host/sysfs/pci-ids.ts';
import { promise, same, type Target, texts, type Verdict } from '../target.ts';

const LIST = `#
# List of PCI ID's
17aa  Lenovo
8086  Intel Corporation
\t10d3  82574L Gigabit Network Connection
\t\t8086 a01f  Gigabit CT Desktop Adapter

# a remark
\tf1a6  SSD Pro 7600p
C 01  Mass storage controller
\t08  Non-Volatile memory controller
\t\t02  NVM Express
C 02  Network controller
\t00  Ethernet controller
`;

const CARDS = [
  { vendor: '8086', device: '10d3', subsystemVendor: '8086', subsystemDevice: 'a01f', class: '0200' },
  { vendor: '17aa', device: 'ffff', subsystemVendor: '1af4', subsystemDevice: '1100', class: '0108' },
  { vendor: '1b36', device: '0010' },
];

/** The names of cards, from a file that anybody may have edited. */
export const pciIds: Target = {
  name: 'pci-ids',
  about: 'lists of names: never throws, every name is text of one line that stands in the list, or the number',
  seeds: texts(LIST),
  dictionary: [
    '\n',
    '\t',
    '\t\t',
    '  ',
    '#',
    'C ',
    '8086',
    '10d3',
    '0200',
    '\r\n',
    '\0',
    '\x1b]0;',
    '__proto__',
    '\u2028',
  ],
  heavy: function* () {
    for (const piece of ['8086  x\n', '\t', '\n', '8086', 'C 02  x\n\t00  y\n', ' ', '#', '\t10d3  x\n']) {
      yield Buffer.from(piece.repeat(Math.floor(1_000_000 / piece.length)));
      yield Buffer.from(`8086  Intel\n${piece.repeat(Math.floor(1_000_000 / piece.length))}`);
    }
  },
  quick: 3_000,
  full: 1_000_000,
  open: () => ({
    run(input): Verdict {
      const text = input.toString('utf8');
      const ids = new PciIds(text);
      let known = false;
      for (const card of CARDS) {
        const names = ids.describe(card, '02');
        for (const name of Object.values(names)) promise(!name.includes('\n'), 'a name of several lines');
        promise(names.vendor === `Vendor ${card.vendor}` || text.includes(names.vendor), 'a vendor from nowhere');
        promise(names.device === `Device ${card.device}` || text.includes(names.device), 'a device from nowhere');
        same(new PciIds(text).describe(card, '02'), names, 'another answer to the same question');
        known ||= names.vendor !== `Vendor ${card.vendor}`;
      }
      return known ? 'accepted' : 'refused';
    },
  }),
};
