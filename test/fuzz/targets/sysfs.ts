import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAddress } from '../../../src/api/address.ts';
import { parsePath } from '../../../src/api/path.ts';
import { HostError } from '../../../src/controller/ports.ts';
import { SysfsPci } from '../../../src/host/sysfs/sysfs.ts';
import { promise, type Target, texts, unlessRejected, type Verdict } from '../target.ts';
import { emptyDom0 } from '../temp.ts';

/** The attributes, in the order in which an input gives them. */
const ATTRIBUTES = ['vendor', 'device', 'subsystem_vendor', 'subsystem_device', 'class', 'reset_method'] as const;
const GOOD = [
  '0x8086\n',
  '0x10d3\n',
  '0x8086\n',
  '0xa01f\n',
  '0x020000\n',
  'flr bus\n',
  '1\n',
  '0000:01:00.0\n',
  'abcd',
  'active\n',
];

const input = (changes: Readonly<Record<number, string>> = {}): string =>
  GOOD.map((text, index) => changes[index] ?? text).join('\0');

/** What the kernel, or a card, lets be read of a function: each attribute of one behind a bridge, a NUL between them. */
export const sysfs: Target = {
  name: 'sysfs',
  about:
    'attributes of a PCI function: its numbers are four digits, its path is a path, or it is not there, or Unreachable',
  seeds: texts(input(), input({ 4: '0x060400\n', 5: '' }), input({ 2: '0x0000\n', 9: 'suspended\n' })),
  dictionary: [
    '\0',
    '0x',
    '0xffff\n',
    '\n',
    '0x0x',
    '255\n',
    '256\n',
    '-1\n',
    'flr',
    '(null)',
    '0000:01:00.0',
    '\xff\xff\xff\xff',
  ],
  heavy: function* () {
    for (let index = 0; index < GOOD.length; index++) {
      yield Buffer.from(input({ [index]: '0'.repeat(5_000) }));
      yield Buffer.from(input({ [index]: '0x'.repeat(2_000) }));
      yield Buffer.from(input({ [index]: ' '.repeat(4_096) }));
    }
  },
  quick: 150,
  full: 20_000,
  open() {
    const { layout, remove } = emptyDom0();
    const bridge = join(layout.sysfs, 'devices/pci0000:00/0000:00:1c.0');
    const folder = join(bridge, '0000:01:00.0');
    mkdirSync(join(folder, 'power'), { recursive: true });
    mkdirSync(join(layout.sysfs, 'bus/pci/devices'), { recursive: true });
    mkdirSync(join(layout.sysfs, 'bus/pci/drivers/pciback'), { recursive: true });
    symlinkSync(folder, join(layout.sysfs, 'bus/pci/devices/0000:01:00.0'));
    symlinkSync(join(layout.sysfs, 'bus/pci/drivers/pciback'), join(folder, 'driver'));
    const files = [
      ...ATTRIBUTES.map(name => join(folder, name)),
      join(bridge, 'secondary_bus_number'),
      join(layout.sysfs, 'bus/pci/drivers/pciback/permissive'),
      join(folder, 'config'),
      join(folder, 'power/runtime_status'),
    ];
    return {
      async run(bytes): Promise<Verdict> {
        const parts = bytes.toString('latin1').split('\0');
        for (const [index, file] of files.entries()) writeFileSync(file, parts[index] ?? '', 'latin1');
        const pci = new SysfsPci(layout.sysfs);
        const refused = (error: unknown): boolean => error instanceof HostError;
        const devices = await unlessRejected(refused, () => pci.list());
        for (const each of (await unlessRejected(refused, () => pci.permissive())) ?? []) {
          promise(parseAddress(each) === each, `${each} is no address`);
        }
        const [found] = devices ?? [];
        if (found === undefined) return 'refused';
        promise(parsePath(found.path) === found.path, `${found.path} is no path`);
        for (const number of Object.values(found.identity))
          promise(/^[0-9a-f]{4}$/.test(number), `${number} is no number`);
        promise(/^[0-9a-f]{2}$/.test(found.progIf), `${found.progIf} is no interface`);
        for (const method of found.resetMethods) promise(!/\s/.test(method), 'a reset method of several words');
        return 'accepted';
      },
      close: remove,
    };
  },
};
