import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Address, formatAddress } from '../../../src/api/address.ts';
import { dom0Layout } from '../../../src/api/layout.ts';
import { compareSetting } from '../../../src/cli/boot-hide/boot-hide.ts';
import { readHideSettings } from '../../../src/host/examine/hide-settings.ts';
import { HIDE_LENGTH_MAX, hideText, parseHide } from '../../../src/host/examine/pciback-hide.ts';
import { tempTree } from './temp-tree.ts';

const addressArb = fc
  .record({
    segment: fc.constantFrom(0, 1, 0xffff, 0x10000),
    bus: fc.nat(255),
    device: fc.nat(31),
    function: fc.nat(7),
  })
  .map(formatAddress);

test('what is written is read back, and is no longer than the kernel takes', () => {
  fc.assert(
    fc.property(fc.uniqueArray(addressArb, { maxLength: 120 }), addresses => {
      const text = hideText(addresses);
      if (text === undefined) return expect(addresses.length).toBeGreaterThan(60);
      expect(text.length).toBeLessThanOrEqual(HIDE_LENGTH_MAX);
      expect(parseHide(text)).toEqual(addresses);
    }),
  );
});

test.each([
  ['(03:00.0)', ['0000:03:00.0']],
  [' (0001:3:1f.7) (03:00.*)(03:*.*)', ['0001:03:1f.7', '0000:03:00.', '0000:03:']],
  ['', []],
  ['03:00.0', undefined],
  ['(03:00.0', undefined],
  ['(03:00.8)', undefined],
  ['(0000:03:20.0)', undefined],
  ['(03:00.0),(04:00.0)', undefined],
])('hide=%s', (text, items) => {
  expect(parseHide(text)).toEqual(items);
});

test('a setting lacks devices, hides too many, or is rejected whole', () => {
  const at = (text: string): Address => text as Address;
  const present = ['0000:03:00.0', '0000:03:00.1', '0000:04:00.0'].map(at);
  const compared = (text: string): object => {
    const { same, rejected, missing, surplus } = compareSetting(
      { where: 'module', source: '', text },
      present.slice(0, 2),
      present,
    );
    return { same, rejected, missing, surplus };
  };
  const right = { same: true, rejected: false, missing: [], surplus: [] };
  expect(compared('(03:00.0)(0000:03:00.1)')).toEqual(right);
  expect(compared('(03:00.*)')).toEqual(right);
  expect(compared('(03:00.0)(04:00.0)(99:00.0)')).toEqual({
    same: false,
    rejected: false,
    missing: ['0000:03:00.1'],
    surplus: ['0000:04:00.0', '0000:99:00.0'],
  });
  expect(compared('(03:00.0)(03:00.1')).toMatchObject({ same: false, rejected: true });
});

test('settings stand on the command line, in modprobe.d and with the loaded module', async () => {
  const root = tempTree({
    'proc/cmdline':
      'placeholder "xen-pciback.hide=(01:00.0) (02:00.0)" quiet xen_pciback.hide=(03:00.0) pciback.hide=(04:00.0)\n',
    'etc/modprobe.d/a.conf':
      '# options xen-pciback hide=(08:00.0)\noptions xen_pciback \\\n  passthrough=1 hide=(05:00.0)\n',
    'usr/lib/modprobe.d/a.conf': 'options xen-pciback hide=(06:00.0)\n',
    'etc/modprobe.d/z.conf.old': 'options xen-pciback hide=(07:00.0)\n',
    'sys/module/xen_pciback/parameters/hide': '(null)\n',
  });
  const settings = await readHideSettings(dom0Layout(root));
  expect(settings.map(({ source, text }) => `${source.replace(root, '')}: ${text}`)).toEqual([
    "xen-pciback.hide on the kernel's command line: (03:00.0)",
    "pciback.hide on the kernel's command line: (04:00.0)",
    '/etc/modprobe.d/a.conf: (05:00.0)',
    'the loaded module: ',
  ]);
});
